import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findBackendConfig } from '@tensorferry/core/node'
import { KNOWN_BACKENDS, packageName, shortName } from './known.ts'

/** A backend's module on this machine. */
export interface FoundBackend {
  /** As people write it: `onnx-node`, or a package or path of someone else's. */
  readonly name: string
  readonly package: string
  /** Absolute path of the module. */
  readonly path: string
  /** Of its package.json; null where there is none. */
  readonly version: string | null
}

/** Where a name is looked for: the project, the config's folder, and what stands beside this program (npx -p). */
async function searchFolders(): Promise<readonly string[]> {
  const folders = [process.cwd()]
  const config = await findBackendConfig()
  if (config) folders.push(config.folder)
  if (process.argv[1]) folders.push(dirname(resolve(process.argv[1])))
  folders.push(dirname(fileURLToPath(import.meta.url)))
  return [...new Set(folders)]
}

/** The nearest package.json above a file, if it has a version. */
function versionOf(path: string): string | null {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest))
      return (JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string }).version ?? null
    if (dirname(folder) === folder) return null
  }
}

/** Looks a backend up by name, package or path; null when it is not installed. */
export async function findBackend(name: string): Promise<FoundBackend | null> {
  // A package of somebody else's may have a name as short as ours are written.
  for (const wanted of new Set([packageName(name), name])) {
    for (const folder of await searchFolders()) {
      try {
        const path = createRequire(join(folder, 'package.json')).resolve(wanted)
        // Node's own module of that name is no backend.
        if (isAbsolute(path)) return { name: shortName(wanted), package: wanted, path, version: versionOf(path) }
      } catch {
        // The next folder may have it.
      }
    }
  }
  return null
}

/** The keyword by which a package of any name says that it is a backend. */
const KEYWORD = 'tensorferry-backend'

interface PackageFile {
  readonly keywords?: readonly string[]
  readonly dependencies?: object
  readonly devDependencies?: object
}

function readPackage(path: string): PackageFile {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as PackageFile
  } catch {
    return {}
  }
}

/** Direct dependencies of the project in a folder that declare themselves backends by their keywords. */
function declaredNames(folder: string): readonly string[] {
  const { dependencies, devDependencies } = readPackage(join(folder, 'package.json'))
  return Object.keys({ ...dependencies, ...devDependencies }).filter((name) => {
    const { keywords } = readPackage(join(folder, 'node_modules', name, 'package.json'))
    return Array.isArray(keywords) && keywords.includes(KEYWORD)
  })
}

/**
 * Packages named `@tensorferry/backend-*`, `tensorferry-backend-*` or `@scope/tensorferry-backend-*` in the node_modules above the
 * project, and its dependencies with the keyword `tensorferry-backend`.
 */
function installedNames(): readonly string[] {
  const names: string[] = []
  const list = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : [])
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const modules = join(folder, 'node_modules')
    names.push(
      ...list(join(modules, '@tensorferry')).flatMap((name) =>
        name.startsWith('backend-') ? `@tensorferry/${name}` : [],
      ),
    )
    for (const name of list(modules)) {
      if (name.startsWith('tensorferry-backend-')) names.push(name)
      if (!name.startsWith('@') || name === '@tensorferry') continue
      const scoped = list(join(modules, name)).filter((one) => one.startsWith('tensorferry-backend-'))
      names.push(...scoped.map((one) => `${name}/${one}`))
    }
    names.push(...declaredNames(folder))
    if (dirname(folder) === folder) return names
  }
}

/** Every backend that can be had here, known ones first, each once; those of the config too. */
export async function findInstalledBackends(): Promise<readonly FoundBackend[]> {
  const configured = (await findBackendConfig())?.backends.map(([name]) => name) ?? []
  const names = [...KNOWN_BACKENDS, ...installedNames(), ...configured]
  const found = (await Promise.all(names.map(findBackend))).filter((one) => one !== null)
  return found.filter((one, index) => found.findIndex(({ path }) => path === one.path) === index)
}
