import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { debianRoot, describeWithDebian } from './environment.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

describeWithDebian('Debian’s libtorch beside sharp', () => {
  test('neither takes the other’s GLib', async () => {
    const program = [here('programs/with-sharp.mjs'), debianRoot, here('fixtures/mlp-10-10.pt')]
    expect(await promisify(execFile)(process.execPath, program)).toEqual({ stdout: 'libtorch 5 4 true\n', stderr: '' })
  })
})
