import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import type { FoundLibtorch } from '../found-libtorch.ts'

/** A program that the build needs. */
export interface Tool {
  readonly name: 'cmake' | 'compiler' | 'ninja'
  /** What was found; null: nothing. */
  readonly command: string | null
  readonly version: string | null
  /** How to install it. */
  readonly hint: string
}

const INSTALL_COMPILER =
  process.platform === 'darwin'
    ? 'xcode-select --install'
    : 'apt-get install g++, or dnf install gcc-c++ (GCC 10 or newer, or Clang 12 or newer)'

function versionOf(command: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 20_000, windowsHide: true }, (error, stdout) => {
      resolve(error ? null : (/\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? 'unknown'))
    })
  })
}

async function firstOf(name: Tool['name'], commands: readonly string[], hint: string): Promise<Tool> {
  for (const command of commands) {
    const version = await versionOf(command, ['--version'])
    if (version !== null) return { name, command, version, hint }
  }
  return { name, command: null, version: null, hint }
}

/** Programs that pip puts beside the Python of an environment. */
function besidePython(found: FoundLibtorch | null, name: string): string[] {
  if (!found) return []
  // site-packages/torch is four folders under the environment.
  const prefix = dirname(dirname(dirname(dirname(found.root))))
  return [join(prefix, 'bin', name)]
}

/** CMake, a C++ compiler, and Ninja where it is there (it is not needed). */
export async function findToolchain(found: FoundLibtorch | null, env = process.env): Promise<readonly Tool[]> {
  const compilers = env.CXX ? [env.CXX] : ['c++', 'g++', 'clang++']
  return Promise.all([
    firstOf(
      'cmake',
      ['cmake', ...besidePython(found, 'cmake')],
      'pip install cmake, or apt-get install cmake (3.18 or newer)',
    ),
    firstOf('compiler', compilers, INSTALL_COMPILER),
    firstOf('ninja', ['ninja', ...besidePython(found, 'ninja')], 'not needed'),
  ])
}
