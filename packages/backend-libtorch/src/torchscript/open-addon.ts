import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { addonPlace, buildCommand } from '../build/addon-place.ts'
import { requireSoleLibtorch } from '../discovery/loaded-libtorch.ts'
import { LIBRARY } from '../discovery/read-root.ts'
import type { FoundLibtorch } from '../found-libtorch.ts'
import { mapError } from '../map-error.ts'
import type { NativeAddon } from './native-addon.ts'

/** Libraries with the kernels of a device: libtorch finds them only when they are open. */
const DEVICE_LIBRARIES = ['libtorch_cuda.so', 'libtorch_hip.so', 'torch_cuda.dll']

/**
 * Opens a libtorch and the addon that was built for it.
 *
 * @param named - the `libtorch` option, for the command in the error
 * @throws TensorferryError `DEPENDENCY_MISSING` with the command that builds the addon; `BACKEND_INCOMPATIBLE` when the
 *   process has another libtorch open; `BACKEND_UNAVAILABLE` when it does not load
 */
export function openAddon(found: FoundLibtorch, named: string | null): NativeAddon {
  const place = addonPlace(found)
  if (!place.built) {
    const command = buildCommand(named)
    throw new TensorferryError(
      'DEPENDENCY_MISSING',
      `the TorchScript addon has not been built for libtorch ${found.version} in ${found.root}; build it once: ${command}`,
      { details: { command, version: found.version, root: found.root, folder: place.folder } },
    )
  }
  requireSoleLibtorch(found)
  const require = createRequire(import.meta.url)
  try {
    const loader = require(place.loader) as { open(path: string): void }
    loader.open(join(found.libraryFolder, LIBRARY!))
    for (const name of DEVICE_LIBRARIES) {
      const path = join(found.libraryFolder, name)
      if (existsSync(path)) loader.open(path)
    }
    return require(place.addon) as NativeAddon
  } catch (error) {
    throw mapError(error, 'start')
  }
}
