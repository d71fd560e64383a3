import { type AotAddonPlace, aotAddonPlace, OLDEST_AOT_LIBTORCH } from './aot/open-addon.ts'
import { type AddonPlace, addonPlace, buildCommand } from './build/addon-place.ts'
import { findToolchain, type Tool } from './build/toolchain.ts'
import { formatPlaces, type Place, searchLibtorch } from './discovery/find-libtorch.ts'
import { loadedLibtorch } from './discovery/loaded-libtorch.ts'
import { compareVersions } from './discovery/version.ts'
import type { FoundLibtorch } from './found-libtorch.ts'
import { OLDEST_LIBTORCH } from './torchscript/create-torchscript-session.ts'
import { isCudaWithoutDriver } from './trial/try-compiled.ts'

/** Everything that was looked at, as data. */
export interface Diagnosis {
  readonly node: string
  readonly platform: string
  readonly found: FoundLibtorch | null
  readonly places: readonly Place[]
  /** The libtorch that this process has open; null: none. */
  readonly loaded: string | null
  /** The TorchScript addon for the found libtorch; null: no libtorch. */
  readonly addon: AddonPlace | null
  /** The AOTInductor addon, which needs no compiler. */
  readonly aot: AotAddonPlace & {
    /** The found libtorch is new enough for compiled models. */
    readonly fits: boolean
  }
  readonly toolchain: readonly Tool[]
  /** What to do, in order; empty: nothing is missing. */
  readonly todo: readonly string[]
}

/** Looks at everything that this backend needs. Opens no library and loads no model. */
export async function doctor(options: { readonly libtorch?: string } = {}): Promise<Diagnosis> {
  const libtorch = options.libtorch ?? null
  const { found, places } = await searchLibtorch({ libtorch, oldest: OLDEST_LIBTORCH })
  const addon = found ? addonPlace(found) : null
  const fits = found !== null && compareVersions(found.version, OLDEST_AOT_LIBTORCH) >= 0
  const toolchain = await findToolchain(found)
  const todo: string[] = []
  if (!found) todo.push('install a libtorch: pip install torch in the active virtual environment, or set LIBTORCH')
  if (!addon?.built) {
    for (const { name, command, hint } of toolchain) {
      if (!command && name !== 'ninja') todo.push(`install ${name === 'cmake' ? 'CMake' : 'a C++ compiler'}: ${hint}`)
    }
    if (found) todo.push(`build the TorchScript addon: ${buildCommand(libtorch)}`)
  }
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    found,
    places,
    loaded: loadedLibtorch(),
    addon,
    aot: { ...aotAddonPlace(), fits },
    toolchain,
    todo,
  }
}

function describeAot({ aot, found, platform }: Diagnosis): string {
  if (!aot.present) return `none for ${platform}, only for ${aot.platforms.join(', ')}`
  if (!found) return 'needs a libtorch'
  if (!aot.fits) return `needs libtorch ${OLDEST_AOT_LIBTORCH} or newer`
  const trials =
    '; built for CUDA, and no NVIDIA driver here: each compiled model is tried in a process of its own first'
  return `ready (${aot.addon})${isCudaWithoutDriver(found) ? trials : ''}`
}

/** A {@link Diagnosis} for people. */
export function formatDiagnosis(diagnosis: Diagnosis): string {
  const { node, platform, found, places, addon, toolchain, todo } = diagnosis
  const abi = found?.cxx11Abi === null ? 'not known' : found?.cxx11Abi ? 'cxx11' : 'before cxx11'
  const lines = [
    `Node ${node} on ${platform}`,
    found
      ? `libtorch ${found.version} in ${found.root} (${found.from}; CUDA: ${found.cuda ?? 'no'}; C++ ABI: ${abi})`
      : 'no libtorch',
    'looked at:',
    formatPlaces(places),
    `TorchScript addon: ${addon ? `${addon.built ? 'built' : 'not built'} (${addon.folder})` : 'needs a libtorch'}`,
    `AOTInductor addon: ${describeAot(diagnosis)}`,
    'to build the TorchScript addon:',
    ...toolchain.map(({ name, command, version, hint }) =>
      command ? `  ${name}: ${command} ${version}` : `  ${name}: not found (${hint})`,
    ),
    todo.length === 0
      ? 'nothing is missing'
      : `to do:\n${todo.map((step, index) => `  ${index + 1}. ${step}`).join('\n')}`,
  ]
  return lines.join('\n')
}
