import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import type { FoundLibtorch } from './found-libtorch.ts'
import type { NativeAddon } from './torchscript/native-addon.ts'

function driver(): string {
  if (process.platform !== 'linux') return 'not known'
  return existsSync('/proc/driver/nvidia/version') ? 'loaded' : 'not loaded (no /proc/driver/nvidia/version)'
}

/**
 * Refuses a device that this libtorch cannot use here, before a model is loaded.
 *
 * @param device - `cpu`, `cuda`, `cuda:1` or `mps`
 * @throws TensorferryError `BACKEND_UNAVAILABLE` naming driver, runtime and build
 */
export function requireDevice(device: string, found: FoundLibtorch, addon: NativeAddon): void {
  if (device === 'cpu') return
  const [kind = '', index = '0'] = device.split(':')
  const count = addon.devices()[kind as 'cuda' | 'mps']
  if (count > Number(index)) return
  const build = found.cuda ? `built for CUDA ${found.cuda}` : 'a build without CUDA'
  const details = {
    device,
    devices: Math.max(0, count),
    driver: driver(),
    build,
    cudaLibrary: existsSync(join(found.libraryFolder, 'libtorch_cuda.so')),
  }
  const reason =
    count < 0
      ? `libtorch ${found.version} is ${kind === 'cuda' ? build : 'a build without mps'}`
      : `libtorch ${found.version} (${build}) sees ${count} of them; NVIDIA driver: ${details.driver}`
  const hint =
    kind === 'cuda'
      ? 'install torch with CUDA (see pytorch.org) and a driver for it, and check with tensorferry-libtorch check --device cuda'
      : 'mps needs macOS on Apple silicon'
  throw new TensorferryError('BACKEND_UNAVAILABLE', `device ${device} is not there: ${reason}; ${hint}`, {
    details: { ...details, hint },
  })
}
