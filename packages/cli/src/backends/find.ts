import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
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
  const wanted = packageName(name)
  for (const folder of await searchFolders()) {
    try {
      const path = createRequire(join(folder, 'package.json')).resolve(wanted)
      return { name: shortName(wanted), package: wanted, path, version: versionOf(path) }
    } catch {
      // The next folder may have it.
    }
  }
  return null
}

/** Packages named `@tensorferry/backend-*` or `tensorferry-backend-*` in the node_modules above the project. */
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
    names.push(...list(modules).filter((name) => name.startsWith('tensorferry-backend-')))
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
