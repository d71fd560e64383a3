import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { thisMachine } from '../aot/machine.ts'
import { CORE_LIBRARY } from '../discovery/read-root.ts'
import type { FoundLibtorch } from '../found-libtorch.ts'
import type { TrialRequest } from './request.ts'
import { tryInChild } from './try-in-child.ts'

/** The command that brings a libtorch without CUDA. */
const INSTALL_CPU = 'pip install torch --index-url https://download.pytorch.org/whl/cpu'

/** A build for CUDA on a machine without a driver: PyTorch does not test compiled models on it. */
export function isCudaWithoutDriver({ cuda }: FoundLibtorch): boolean {
  return cuda !== null && process.platform === 'linux' && !existsSync('/proc/driver/nvidia/version')
}

/** What tells one libtorch and machine from others. */
export function factsOf({ version, libraryFolder }: FoundLibtorch): string[] {
  const core = readFileSync(join(libraryFolder, CORE_LIBRARY!))
  const machine = thisMachine()
  return [
    version,
    libraryFolder,
    createHash('sha256').update(core).digest('hex'),
    [...(machine.features ?? [])].join(' '),
  ]
}

/**
 * Loads a compiled model, and runs it once with zeros, in a process of its own.
 *
 * @param hash - of the model's library
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when it ended that process
 */
export async function tryCompiled(
  request: Extract<TrialRequest, { kind: 'compiled' }>,
  found: FoundLibtorch,
  hash: string,
): Promise<void> {
  const sizes = request.inputs?.map(({ dtype, shape }) => `${dtype}[${shape}]`).join() ?? ''
  const fault = await tryInChild(request, [...factsOf(found), hash, String(request.threads), sizes])
  if (!fault) return
  const hint = isCudaWithoutDriver(found)
    ? `libtorch ${found.version} is built for CUDA ${found.cuda}, and this machine has no NVIDIA driver: install PyTorch's CPU build (${INSTALL_CPU}) and compile the model with it, or use TorchScript`
    : 'compile it again on this machine, with the libtorch that runs it, or use TorchScript'
  throw new TensorferryError(
    'BACKEND_UNAVAILABLE',
    `the compiled model ended the process that it was tried in (${fault.how}), and would have ended this one; ${hint}`,
    { details: { ...fault, version: found.version, cuda: found.cuda, hint } },
  )
}
