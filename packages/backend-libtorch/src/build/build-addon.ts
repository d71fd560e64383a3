import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { LIBRARY } from '../discovery/read-root.ts'
import { compareVersions } from '../discovery/version.ts'
import type { FoundLibtorch } from '../found-libtorch.ts'
import { type AddonPlace, addonPlace, addonSources } from './addon-place.ts'
import { findToolchain, type Tool } from './toolchain.ts'

/** What {@link buildAddon} takes. */
export interface BuildOptions {
  /** Build although it is there. */
  readonly force?: boolean
  /** Told of each step and of the compiler's own lines. */
  readonly onProgress?: (line: string) => void
  readonly env?: NodeJS.ProcessEnv
}

/** What a build left. */
export interface BuildResult {
  readonly place: AddonPlace
  /** False: it was there already. */
  readonly compiled: boolean
  readonly seconds: number
}

function missingTool({ name, hint }: Tool): TensorferryError {
  return new TensorferryError(
    'DEPENDENCY_MISSING',
    `the build needs ${name === 'cmake' ? 'CMake' : 'a C++ compiler'}, which was not found; install it: ${hint}`,
    {
      details: { missing: name, hint },
    },
  )
}

/** Runs a program to its end and hands on its lines. */
function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onLine: (line: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true })
    const lines: string[] = []
    let rest = ''
    const take = (chunk: Buffer): void => {
      const parts = (rest + chunk.toString()).split('\n')
      rest = parts.pop()!
      for (const line of parts) {
        lines.push(line)
        onLine(line)
      }
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve()
      const output = [...lines, rest].join('\n').trim()
      reject(
        new TensorferryError(
          'RUNTIME_FAILED',
          `${command} ${args[0]} ended with ${signal ?? `code ${code}`}:\n${output.slice(-4000)}`,
          { details: { command, code, signal, output: output.slice(-20_000) } },
        ),
      )
    })
  })
}

/** The C++ standard that this libtorch's headers ask for; ours need 17. */
function cxxStandard({ root, libraryFolder, version }: FoundLibtorch): number {
  for (const folder of [join(root, 'share/cmake/Torch'), join(libraryFolder, 'cmake/Torch')]) {
    const config = join(folder, 'TorchConfig.cmake')
    const standard = existsSync(config) ? /CXX_STANDARD\s+(\d+)/.exec(readFileSync(config, 'utf8'))?.[1] : undefined
    if (standard) return Math.max(17, Number(standard))
  }
  return compareVersions(version, '2.13') >= 0 ? 20 : 17
}

function definitions(found: FoundLibtorch, place: AddonPlace): string[] {
  const resolve = createRequire(import.meta.url).resolve
  const values: Record<string, string> = {
    CMAKE_BUILD_TYPE: 'Release',
    TORCH_ROOT: found.root,
    TORCH_LIBRARY_FOLDER: found.libraryFolder,
    TORCH_VERSION: found.version,
    TORCH_CXX_STANDARD: String(cxxStandard(found)),
    NODE_ADDON_API: dirname(resolve('node-addon-api')),
    NODE_API_HEADERS: join(dirname(resolve('node-api-headers')), 'include'),
    ADDON_VERSION: place.addonVersion,
  }
  if (found.cxx11Abi !== null) values.TORCH_CXX11_ABI = found.cxx11Abi ? '1' : '0'
  return Object.entries(values).map(([name, value]) => `-D${name}=${value}`)
}

/** In a process of its own: an addon that does not fit must not end ours. */
const TRY_ADDON = `
const [, loader, library, addon] = process.argv
require(loader).open(library)
const { NativeModel } = require(addon)
new NativeModel(1, 1, () => {}, false).stop()
`

/**
 * Builds the TorchScript addon for a libtorch, into the user's cache. About 12 seconds of one core; nothing is downloaded.
 * Several processes may do this at once: each builds aside, and the first to end is kept.
 *
 * @throws TensorferryError `DEPENDENCY_MISSING` without CMake or a compiler or headers, `RUNTIME_FAILED` with the
 *   compiler's output
 */
export async function buildAddon(found: FoundLibtorch, options: BuildOptions = {}): Promise<BuildResult> {
  const { force = false, onProgress = () => {}, env = process.env } = options
  const begin = performance.now()
  const seconds = (): number => Math.round((performance.now() - begin) / 100) / 10
  const place = addonPlace(found, env)
  if (place.built && !force) {
    onProgress(`already built: ${place.folder}`)
    return { place, compiled: false, seconds: seconds() }
  }
  if (!existsSync(join(found.root, 'include/torch/csrc/jit/api/module.h'))) {
    throw new TensorferryError(
      'DEPENDENCY_MISSING',
      `libtorch ${found.version} in ${found.root} has no C++ headers; install the development package (libtorch-dev), or torch with pip`,
      {
        details: { root: found.root },
      },
    )
  }
  const tools = await findToolchain(found, env)
  const tool = (name: Tool['name']): Tool => tools.find((candidate) => candidate.name === name)!
  for (const name of ['cmake', 'compiler'] as const) if (!tool(name).command) throw missingTool(tool(name))
  const [cmake, compiler, ninja] = [tool('cmake'), tool('compiler'), tool('ninja')]

  const parent = dirname(place.folder)
  await mkdir(parent, { recursive: true })
  const aside = await mkdtemp(join(parent, 'building-'))
  try {
    onProgress(`libtorch ${found.version} in ${found.root}`)
    onProgress(`configuring with CMake ${cmake.version} and ${compiler.command} ${compiler.version}`)
    const objects = join(aside, 'objects')
    const generator = ninja.command ? ['-G', 'Ninja', `-DCMAKE_MAKE_PROGRAM=${ninja.command}`] : []
    const configure = ['-S', addonSources(), '-B', objects, ...generator, `-DCMAKE_CXX_COMPILER=${compiler.command}`]
    await run(cmake.command!, [...configure, ...definitions(found, place)], env, () => {})
    onProgress('compiling; this takes about 15 seconds')
    await run(cmake.command!, ['--build', objects], env, onProgress)
    const finished = join(aside, 'finished')
    await mkdir(finished)
    for (const name of ['torchscript.node', 'loader.node']) await copyFile(join(objects, name), join(finished, name))
    onProgress('trying it')
    const library = join(found.libraryFolder, LIBRARY!)
    await run(
      process.execPath,
      ['-e', TRY_ADDON, join(finished, 'loader.node'), library, join(finished, 'torchscript.node')],
      env,
      () => {},
    )
    await writeFile(
      join(finished, 'build.json'),
      `${JSON.stringify({ libtorch: found, addonVersion: place.addonVersion }, null, 2)}\n`,
    )
    await keep(finished, place.folder, force)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  onProgress(`built in ${seconds()} s: ${place.folder}`)
  return { place: { ...place, built: true }, compiled: true, seconds: seconds() }
}

async function keep(finished: string, folder: string, force: boolean): Promise<void> {
  if (force) await rm(folder, { recursive: true, force: true })
  try {
    await rename(finished, folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Another process was faster: what it built is the same.
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'EPERM') throw error
  }
}
