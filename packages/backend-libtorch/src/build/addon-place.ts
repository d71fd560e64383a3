import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '@tensorferry/core/node'
import { CORE_LIBRARY } from '../discovery/read-root.ts'
import type { FoundLibtorch } from '../found-libtorch.ts'
import { packageFolder } from './package-folder.ts'

/** Where the TorchScript addon for one libtorch is, or will be. */
export interface AddonPlace {
  readonly folder: string
  readonly addon: string
  readonly loader: string
  readonly built: boolean
  /** This package's version and its native sources: another one is built anew. */
  readonly addonVersion: string
}

/** The folder with the addon's sources. */
export function addonSources(): string {
  return join(packageFolder(), 'native', 'torchscript')
}

function addonVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }
  const hash = createHash('sha256')
  const folder = addonSources()
  for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)))
  return `${version}-${hash.digest('hex').slice(0, 8)}`
}

/** One folder for each libtorch version, its C++ ABI, the machine and the addon's version. */
export function addonPlace(found: FoundLibtorch, env?: NodeJS.ProcessEnv): AddonPlace {
  const version = addonVersion()
  const abi = found.cxx11Abi === null ? 'abi' : found.cxx11Abi ? 'cxx11' : 'precxx11'
  // The same version may be built with other settings: pip's and a distribution's.
  const core = readFileSync(join(found.libraryFolder, CORE_LIBRARY!))
  const build = createHash('sha256').update(core).digest('hex').slice(0, 8)
  const name = `${found.version}-${abi}-${process.platform}-${process.arch}-${build}`
  const folder = join(cacheFolder(env), 'libtorch', version, name)
  const addon = join(folder, 'torchscript.node')
  return {
    folder,
    addon,
    loader: join(folder, 'loader.node'),
    built: existsSync(addon) && existsSync(join(folder, 'loader.node')),
    addonVersion: version,
  }
}

/** The command that builds it. */
export function buildCommand(libtorch: string | null): string {
  return `npx -p @tensorferry/backend-libtorch tensorferry-libtorch build${libtorch ? ` --libtorch ${JSON.stringify(libtorch)}` : ''}`
}
