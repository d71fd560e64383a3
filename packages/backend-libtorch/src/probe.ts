import { type Availability, type CallOptions, TensorferryError, withCallOptions } from '@tensorferry/core'
import { aotAddonPlace, OLDEST_AOT_LIBTORCH } from './aot/open-addon.ts'
import { addonPlace, buildCommand } from './build/addon-place.ts'
import { findLibtorch } from './discovery/find-libtorch.ts'
import { compareVersions } from './discovery/version.ts'
import type { FoundLibtorch } from './found-libtorch.ts'
import type { ResolvedOptions } from './options.ts'
import { OLDEST_LIBTORCH } from './torchscript/create-torchscript-session.ts'

/** Compiled models run with the addon that comes with the package, for a caller who trusts them. */
function canRunCompiled({ trust, device }: ResolvedOptions, { version }: FoundLibtorch): boolean {
  return (
    trust !== null && device === 'cpu' && aotAddonPlace().present && compareVersions(version, OLDEST_AOT_LIBTORCH) >= 0
  )
}

/** Whether a libtorch is there and an addon for it. Nothing is opened. */
export function probe(options: ResolvedOptions, callOptions?: CallOptions): Promise<Availability> {
  return withCallOptions(callOptions, async () => {
    try {
      const found = await findLibtorch({ libtorch: options.libtorch, oldest: OLDEST_LIBTORCH })
      if (addonPlace(found).built || canRunCompiled(options, found)) return { available: true }
      return {
        available: false,
        code: 'DEPENDENCY_MISSING',
        reason: `the TorchScript addon has not been built for libtorch ${found.version} in ${found.root}`,
        hint: `build it once: ${buildCommand(options.libtorch)}`,
      }
    } catch (error) {
      if (!TensorferryError.is(error)) throw error
      return { available: false, code: error.code, reason: error.message, hint: String(error.details.hint ?? '') }
    }
  })
}
