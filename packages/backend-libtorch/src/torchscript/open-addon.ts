import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { addonPlace, buildCommand } from '../build/addon-place.ts'
import { requireSoleLibtorch } from '../discovery/loaded-libtorch.ts'
import { LIBRARY } from '../discovery/read-root.ts'
import type { FoundLibtorch } from '../found-libtorch.ts'
import { mapError } from '../map-error.ts'
import type { ResolvedOptions } from '../options.ts'
import type { NativeAddon } from './native-addon.ts'
import { openLibraries } from './open-libraries.ts'

/** Libraries with the kernels of a device: libtorch finds them only when they are open. */
const DEVICE_LIBRARIES = ['libtorch_cuda.so', 'libtorch_hip.so', 'torch_cuda.dll']

/**
 * Opens a libtorch and the addon that was built for it.
 *
 * Then the caller's libraries of operators.
 *
 * @throws TensorferryError `DEPENDENCY_MISSING` with the command that builds the addon; `BACKEND_INCOMPATIBLE` when the
 *   process has another libtorch open; `BACKEND_UNAVAILABLE` when it does not load; as {@link openLibraries}
 */
export async function openAddon(
  found: FoundLibtorch,
  { libtorch: named, libraries, trial }: Pick<ResolvedOptions, 'libtorch' | 'libraries' | 'trial'>,
): Promise<NativeAddon> {
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
  const paths = [LIBRARY!, ...DEVICE_LIBRARIES.filter((name) => existsSync(join(found.libraryFolder, name)))].map(
    (name) => join(found.libraryFolder, name),
  )
  let open: (path: string) => void
  let addon: NativeAddon
  try {
    const loader = require(place.loader) as { open(path: string): void }
    open = loader.open
    for (const path of paths) open(path)
    addon = require(place.addon) as NativeAddon
  } catch (error) {
    throw mapError(error, 'start')
  }
  await openLibraries(libraries, found, { open, loader: place.loader, before: paths, trial: trial ?? true })
  return addon
}
