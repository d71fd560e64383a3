// The packed packages in Bun and Deno: npm's packages of those names bring the binaries.
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNpmProject, packPackages } from '../../../tests/packed-projects.ts'
import { ROOT, runToEnd } from '../../../tests/workspace.ts'

const PROGRAM = fileURLToPath(new URL('./programs/conformance.mjs', import.meta.url))
const RUNTIMES = { bun: '1.4.5', deno: '2.9.6' }

describe('other runtimes', () => {
  let folder: string
  let app: string
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-runtimes-')))
    const tarballs = await packPackages(folder, ['@tensorferry/core', '@tensorferry/backend-onnx-web'])
    app = await createNpmProject(join(folder, 'app'), tarballs, RUNTIMES)
    await cp(PROGRAM, join(app, 'conformance.mjs'))
    await cp(join(ROOT, 'examples/bundles/digits'), join(app, 'digits'), { recursive: true })
  }, 600_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  // Side by side: each has one thread, and takes a minute.
  test.concurrent.each([
    ['bun', []],
    ['deno', ['run', '--allow-all']],
  ])(
    '%s: every conformance case, and a bundle with all its goldens',
    async (name, args) => {
      const report = JSON.parse(await runToEnd(app, join(app, 'node_modules/.bin', name), [...args, 'conformance.mjs']))
      const threads = Math.min(availableParallelism(), 4)
      expect(report).toMatchObject({ failed: [], runtime: { provider: 'wasm', threads } })
      expect(report.passed).toBeGreaterThan(100)
      expect(report.verified).toBeGreaterThan(0)
    },
    600_000,
  )
})
