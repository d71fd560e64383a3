import { cloneTensor, type Tensor } from '@tensorferry/core'
import type { Engine, Results } from './engine.ts'
import { mapError } from './map-error.ts'
import type { NativeSession } from './native-session.ts'
import type { Prepared } from './run-queue.ts'

/** An engine over native sessions of one model, each on a thread of its own. */
export function engineOf(
  natives: readonly NativeSession[],
  options: {
    readonly borrowInputs: boolean
    /** A run changes what the next one computes: one native session, which can be reset. */
    readonly keepsState: boolean
    /** Once the threads have ended. */
    closed(): void
    stop(): void
  },
): Engine {
  const reset = (): Prepared<void> => ({
    async start(replica) {
      try {
        await natives[replica]!.reset!()
      } catch (error) {
        throw mapError(error, 'run')
      }
    },
    drop() {},
  })
  return {
    ...(options.keepsState ? { reset } : {}),
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
      options.closed()
    },
    stop: options.stop,
  }
}
