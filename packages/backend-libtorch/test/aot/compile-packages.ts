import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { thisMachine } from '../../src/aot/machine.ts'

const script = fileURLToPath(new URL('../fixtures/make_aot_packages.py', import.meta.url))
const kit = fileURLToPath(new URL('../../../core/test/fixtures/', import.meta.url))

/**
 * Compiles the packages that the tests load, once for this machine, torch and what they are made of.
 *
 * @returns their folder, or why there are none
 */
export async function compilePackages(
  python: string,
  torchVersion: string,
  cache: string,
): Promise<{ readonly folder: string } | { readonly missing: string }> {
  const hash = createHash('sha256').update(torchVersion)
  for (const path of [script, join(kit, 'conformance_modules.py'), join(kit, 'make_conformance_fixtures.py')]) {
    hash.update(readFileSync(path))
  }
  hash.update([...(thisMachine().features ?? [])].join(' '))
  const folder = join(cache, 'aot-packages', hash.digest('hex').slice(0, 16))
  // Written last.
  if (existsSync(join(folder, 'goldens.safetensors'))) return { folder }
  process.stderr.write('compiling AOTInductor packages for the tests, about three minutes\n')
  return new Promise((resolve) => {
    execFile(python, [script, folder], { maxBuffer: 2 ** 26 }, (error, _, stderr) => {
      resolve(error ? { missing: `they did not compile: ${stderr.trim().slice(-600) || error.message}` } : { folder })
    })
  })
}
