import { cloneTensor, type Tensor } from '@tensorferry/core'
import type { Engine, Results } from './engine.ts'
import { mapError } from './map-error.ts'
import type { NativeSession } from './native-session.ts'
import type { Prepared } from './run-queue.ts'

/** An engine over native sessions of one model, each on a thread of its own. */
export function engineOf(
  natives: readonly NativeSession[],
  options: { readonly borrowInputs: boolean; stop(): void },
): Engine {
  return {
    replicas: natives.length,
    threads: natives[0]!.threads,
    prepare(inputs): Prepared<Results> {
      const taken = options.borrowInputs ? inputs : inputs.map((input) => cloneTensor(input) as Tensor)
      return {
        async start(replica) {
          try {
            return await natives[replica]!.run(taken)
          } catch (error) {
            throw mapError(error, 'run')
          }
        },
        drop() {},
      }
    },
    runSync(inputs) {
      try {
        return natives[0]!.runSync(inputs)
      } catch (error) {
        throw mapError(error, 'run')
      }
    },
    async close() {
      await Promise.all(natives.map((native) => native.dispose()))
    },
    stop: options.stop,
  }
}
