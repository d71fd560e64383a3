import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CORE_LIBRARY } from '../src/discovery/read-root.ts'
import { fixturePath } from './model-file.ts'

const cache = fileURLToPath(new URL('../../../.cache/operators', import.meta.url))
const compile = (args: readonly string[]) => promisify(execFile)(process.env.CXX ?? 'c++', [...args])

/** Compiles `operators.cc` against a libtorch, once for each; the path of the library. */
export async function operatorLibrary(root: string): Promise<string> {
  const source = fixturePath('operators.cc')
  const core = readFileSync(join(root, 'lib', CORE_LIBRARY!))
  const hash = createHash('sha256').update(readFileSync(source)).update(core).digest('hex').slice(0, 16)
  const path = join(cache, `operators-${hash}.so`)
  if (existsSync(path)) return path
  await mkdir(dirname(path), { recursive: true })
  const part = `${path}.${process.pid}`
  const includes = ['include', 'include/torch/csrc/api/include'].flatMap((folder) => ['-isystem', join(root, folder)])
  const links = [`-L${join(root, 'lib')}`, '-ltorch', '-ltorch_cpu', '-lc10']
  await compile(['-std=c++20', '-O0', '-shared', '-fPIC', ...includes, source, ...links, '-o', part])
  await rename(part, path)
  return path
}

/** Compiles a few lines of C++ to a library. */
export async function smallLibrary(
  folder: string,
  name: string,
  code: string,
  links: readonly string[] = [],
): Promise<string> {
  const path = join(folder, `${name}.so`)
  const child = compile(['-shared', '-fPIC', '-x', 'c++', '-', '-x', 'none', ...links, '-o', path])
  child.child.stdin!.end(code)
  await child
  return path
}

/** As the option wants it. */
export function vouched(path: string): { path: string; sha256: string } {
  return { path, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') }
}
