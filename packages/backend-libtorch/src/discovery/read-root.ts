import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { FoundLibtorch } from '../found-libtorch.ts'

/** The file name of libtorch's main library on this system. */
export const LIBRARY = { linux: 'libtorch_cpu.so', darwin: 'libtorch_cpu.dylib', win32: 'torch_cpu.dll' }[
  process.platform as string
] as string | undefined

/** The smallest of its libraries: tells builds apart. */
export const CORE_LIBRARY = { linux: 'libc10.so', darwin: 'libc10.dylib', win32: 'c10.dll' }[process.platform as string]

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/** `torch/version.py` of a pip or conda installation, read as text. */
function versionFromPython(text: string): { version: string; cuda: string | null } | null {
  const version = /^__version__\s*(?::[^=\n]*)?=\s*['"]([^'"]+)['"]/m.exec(text)?.[1]
  const cuda = /^cuda\s*(?::[^=\n]*)?=\s*['"]([^'"]+)['"]/m.exec(text)?.[1]
  return version ? { version, cuda: cuda ?? null } : null
}

/** The C++ header; its patch number is wrong in some distributions' builds, the major and minor are not. */
function versionFromHeader(text: string): string | null {
  const part = (name: string): string | undefined => new RegExp(`define TORCH_VERSION_${name} (\\d+)`).exec(text)?.[1]
  const [major, minor, patch] = [part('MAJOR'), part('MINOR'), part('PATCH')]
  return major && minor ? `${major}.${minor}.${patch ?? 0}` : null
}

/** CMake's version file beside a system installation: what the distribution calls it. */
function versionFromCmake(text: string): string | null {
  return /PACKAGE_VERSION\s+"?(\d+\.\d+\.\d+[\w.+-]*)"?/.exec(text)?.[1] ?? null
}

function readVersion(root: string, libraryFolder: string): { version: string; cuda: string | null } | null {
  const python = readText(join(root, 'version.py'))
  if (python !== null) return versionFromPython(python)
  const headers = [
    join(root, 'include/torch/headeronly/version.h'),
    join(root, 'include/torch/csrc/api/include/torch/version.h'),
  ]
  const version =
    /^\d+\.\d+[\w.+-]*/.exec(readText(join(root, 'build-version')) ?? '')?.[0] ??
    versionFromCmake(readText(join(libraryFolder, 'cmake/Torch/TorchConfigVersion.cmake')) ?? '') ??
    versionFromCmake(readText(join(root, 'share/cmake/Torch/TorchConfigVersion.cmake')) ?? '') ??
    headers.map((path) => versionFromHeader(readText(path) ?? '')).find((found) => found !== null)
  if (!version) return null
  const cudaTag = /\+cu(\d+)(\d)$/.exec(version)
  return { version, cuda: cudaTag ? `${cudaTag[1]}.${cudaTag[2]}` : null }
}

/** Which of the two C++ string layouts the build uses, from the names in its smallest library. */
function readCxx11Abi(libraryFolder: string): boolean | null {
  if (process.platform !== 'linux') return null
  try {
    return readFileSync(join(libraryFolder, CORE_LIBRARY!)).includes('NSt7__cxx1112basic_string')
  } catch {
    return null
  }
}

/** The library folders that belong to a root: `lib`, or Debian's folder of the machine's architecture. */
function libraryFolders(root: string): string[] {
  const triplet = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch as string]
  const folders = [join(root, 'lib'), join(root, 'lib64')]
  if (process.platform === 'linux' && triplet) folders.push(join(root, 'lib', triplet))
  return folders
}

/** Roots that a path given by a person may mean: the root itself, its `lib`, or a virtual environment around it. */
export function rootsOf(path: string, sitePackages: (prefix: string) => string[]): string[] {
  const around = /^lib(64)?$/.test(basename(path)) ? [dirname(path)] : []
  return [path, ...around, ...sitePackages(path).map((folder) => join(folder, 'torch'))]
}

/**
 * Reads what a folder holds, without opening any library.
 *
 * @param root - for pip `site-packages/torch`; for the archive of pytorch.org its folder; for Debian `/usr`
 * @returns the libtorch, or why there is none
 */
export function readRoot(root: string, from: FoundLibtorch['from']): FoundLibtorch | string {
  if (!LIBRARY) return `libtorch is not known on ${process.platform}`
  if (!existsSync(root)) return 'no such folder'
  const libraryFolder = libraryFolders(root).find((folder) => existsSync(join(folder, LIBRARY)))
  if (!libraryFolder) return `no ${LIBRARY} in it`
  const read = readVersion(root, libraryFolder)
  if (!read) return `${LIBRARY} is there, and no file beside it says its version`
  return {
    from,
    root: realpathSync(root),
    libraryFolder: realpathSync(libraryFolder),
    version: read.version,
    cxx11Abi: readCxx11Abi(libraryFolder),
    cuda: read.cuda,
  }
}
