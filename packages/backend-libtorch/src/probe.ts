import { type Availability, type CallOptions, TensorferryError, withCallOptions } from '@tensorferry/core'
import { addonPlace, buildCommand } from './build/addon-place.ts'
import { findLibtorch } from './discovery/find-libtorch.ts'
import type { ResolvedOptions } from './options.ts'
import { OLDEST_LIBTORCH } from './torchscript/create-torchscript-session.ts'

/** Whether a libtorch is there and the addon for it. Nothing is opened. */
export function probe(options: ResolvedOptions, callOptions?: CallOptions): Promise<Availability> {
  return withCallOptions(callOptions, async () => {
    try {
      const found = await findLibtorch({ libtorch: options.libtorch, oldest: OLDEST_LIBTORCH })
      if (addonPlace(found).built) return { available: true }
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
