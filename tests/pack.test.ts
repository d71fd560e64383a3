// npm run pack itself is run by packed.test.ts; here what it says when it is called otherwise.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './workspace.ts'

test.each([
  ['--help', 0, 'stdout'],
  ['--out', 1, 'stderr'],
] as const)('npm run pack -- %s explains, and makes no folder of that name', (option, code, stream) => {
  const result = spawnSync(process.execPath, [join(ROOT, 'scripts/pack.mjs'), option], { cwd: ROOT, encoding: 'utf8' })
  expect(result[stream]).toContain('Usage: npm run pack [-- FOLDER]')
  expect(result.status).toBe(code)
  expect(existsSync(join(ROOT, option))).toBe(false)
})
