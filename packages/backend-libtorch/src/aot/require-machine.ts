import { TensorferryError } from '@tensorferry/core'
import type { AotMetadata } from './aot-metadata.ts'
import type { Machine } from './machine.ts'

/** The command that compiles a model where it is to run. */
const COMPILE = 'compile it on the machine that runs it: python -m tensorferry aoti'

function refuse(needs: string, here: string, details: Record<string, unknown>): never {
  throw new TensorferryError('BACKEND_INCOMPATIBLE', `the .pt2 file needs ${needs}, here is ${here}; ${COMPILE}`, {
    details: { ...details, hint: COMPILE },
  })
}

/** Windows calls it AMD64, macOS arm64. */
function sameMachine(one: string, other: string): boolean {
  const plain = (name: string): string => name.toLowerCase().replace('amd64', 'x86_64').replace('arm64', 'aarch64')
  return plain(one) === plain(other)
}

/**
 * Refuses what this machine cannot run, before any of it is loaded: an instruction that a CPU lacks ends the process.
 *
 * @param device - the `device` option
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` with what the file needs and what is here
 */
export function requireMachine(metadata: AotMetadata, machine: Machine, device: string): void {
  const { platform, machine: compiledFor, device: compiledDevice, features, elf } = metadata
  if (platform !== null && platform !== machine.platform) {
    refuse(`the platform ${platform}`, machine.platform, { platform, here: machine.platform })
  }
  const architecture = elf?.machine ?? compiledFor
  if (architecture !== null && !sameMachine(architecture, machine.machine)) {
    refuse(`the machine ${architecture}`, machine.machine, { machine: architecture, here: machine.machine })
  }
  if (compiledDevice !== null && compiledDevice !== 'cpu') {
    throw new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `the .pt2 file was compiled for ${compiledDevice}, and this backend runs compiled models on the CPU; compile it for the CPU, or run TorchScript on ${compiledDevice}`,
      { details: { device: compiledDevice } },
    )
  }
  if (device !== 'cpu') {
    throw new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `the .pt2 file was compiled for the CPU, the option device is ${device}; use device 'cpu', or TorchScript on ${device}`,
      { details: { device: 'cpu', wanted: device } },
    )
  }
  const here = machine.features
  const lacking = here ? features.filter((feature) => !here.has(feature)) : []
  if (lacking.length > 0) {
    refuse(`a CPU with ${lacking.join(', ')}`, 'one without', { features, lacking, isa: metadata.isa })
  }
}
