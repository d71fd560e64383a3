import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { describeWithPackages, libtorchRoot } from '../environment.ts'
import { packagePath } from './package-file.ts'

const program = fileURLToPath(new URL('../programs/load-dispose.mjs', import.meta.url))

describeWithPackages('memory', () => {
  test.skipIf(process.platform !== 'linux').each(['mlp', 'weights-beside'])(
    '%s: 200 loads leave no threads, no library twice, and less than 20 MB',
    { timeout: 120_000 },
    async (name) => {
      const args = ['--expose-gc', program, libtorchRoot, packagePath(name), '200']
      const { stdout } = await promisify(execFile)(process.execPath, args)
      const { rss, ...rest } = JSON.parse(stdout) as Record<string, number>
      expect(rest).toEqual({ threads: 0, libraries: 0 })
      expect(rss).toBeLessThan(20e6)
    },
  )
})
