import type { Backend } from '@tensorferry/core'
import { createLibtorchSession } from './create-session.ts'
import { type LibtorchOptions, resolveOptions } from './options.ts'
import { probe } from './probe.ts'
import type { LibtorchSession } from './session.ts'

/**
 * Runs PyTorch models natively with the libtorch of this machine, each on a native thread of its own.
 *
 * @param options - see {@link LibtorchOptions}; checked at once
 * @throws TensorferryError `OPTIONS_INVALID` naming the option, and the one that was probably meant
 *
 * @example
 * const model = await loadModel('./super-resolution', { backend: libtorch({ threads: 2 }) })
 */
export function libtorch(options: LibtorchOptions = {}): Backend<LibtorchSession> {
  const resolved = resolveOptions(options)
  return {
    apiVersion: 1,
    name: 'libtorch',
    // Compiled models are the fastest, on the CPU, and run only for a caller who trusts them.
    formats:
      resolved.trust !== null && resolved.device === 'cpu'
        ? ['aot-inductor', 'torchscript']
        : ['torchscript', 'aot-inductor'],
    probe: (callOptions) => probe(resolved, callOptions),
    createSession: (source, loadOptions) => createLibtorchSession(source, resolved, loadOptions),
  }
}
