import type { Session } from '../../../backend.ts'
import { TensorferryError } from '../../../errors.ts'
import { type Tensor, type Tensors, zeros } from '../../../tensor.ts'
import { turn } from '../../turns.ts'
import { type BrokenBackend, brokenBackend } from '../broken-backend.ts'

const TWICE = 'dispose may be called twice, one after the other and at once'
const AFTER = 'run after dispose rejects with SESSION_DISPOSED'
const DURING = 'dispose lets runs in progress end and settles those that wait'
const CONCURRENT = 'gives 8 concurrent runs the answers of serial ones'
const APART = 'keeps two sessions apart'
const LOOP = "lets the caller's loop turn while a slow run is on"

const disposedError = (): TensorferryError => new TensorferryError('SESSION_DISPOSED', 'the session was disposed')

/** Ends every pending run in the given way as soon as dispose is called. */
function onDispose(inner: Session, end: (reject: (error: Error) => void) => void): Pick<Session, 'run' | 'dispose'> {
  const pending = new Set<(error: Error) => void>()
  let disposed = false
  return {
    run: (inputs, options) =>
      new Promise((resolve, reject) => {
        pending.add(reject)
        inner.run(inputs, options).then(
          (outputs) => (disposed && pending.has(reject) ? end(reject) : resolve(outputs)),
          (error) => (pending.delete(reject) && disposed && inputs.input?.shape[1] === 1 ? end(reject) : reject(error)),
        )
      }),
    dispose() {
      disposed = true
      return inner.dispose()
    },
  }
}

/** Backends that end badly, mix up callers, or keep a state that they should not. */
export const brokenLifecycle: readonly BrokenBackend[] = [
  brokenBackend('cannot be disposed twice', [TWICE], {
    session(inner) {
      let disposed = false
      return {
        async dispose() {
          if (disposed) throw disposedError()
          disposed = true
          await inner.dispose()
        },
      }
    },
  }),
  brokenBackend('runs after dispose', [AFTER, DURING], { session: () => ({ dispose: async () => {} }) }),
  brokenBackend('forgets the runs that wait at dispose', [DURING], {
    session: (inner) => onDispose(inner, () => {}),
  }),
  brokenBackend('breaks off the run in progress at dispose', [DURING], {
    session: (inner) => onDispose(inner, (reject) => reject(disposedError())),
  }),
  brokenBackend('never ends its dispose while runs wait', [DURING], {
    session(inner) {
      let pending = 0
      return {
        run: (inputs, options) => {
          pending++
          return inner.run(inputs, options).finally(() => pending--)
        },
        dispose: () => (pending > 1 ? new Promise(() => {}) : inner.dispose()),
      }
    },
  }),
  brokenBackend('gives callers one answer for all', [CONCURRENT], {
    session(inner) {
      let pending: Promise<Tensors> | null = null
      return {
        run(inputs, options) {
          // The general fixture's calls alone, so that one rule breaks.
          if (!inputs || !('pairs' in inputs)) return inner.run(inputs, options)
          pending ??= inner.run(inputs, options).finally(() => {
            pending = null
          })
          return pending
        },
      }
    },
  }),
  brokenBackend('has one session for all', [APART], {
    backend(inner) {
      let shared: Promise<Session> | null = null
      return {
        async createSession(source, options) {
          if (options || !source.signature || !source.artifact) return inner.createSession(source, options)
          shared ??= inner.createSession(source)
          const session = await shared.catch((error) => {
            shared = null
            throw error
          })
          return {
            ...session,
            dispose() {
              shared = null
              return session.dispose()
            },
          }
        },
      }
    },
  }),
  brokenBackend(
    'computes on the thread that calls',
    [LOOP, 'an abort settles a run in progress at once', 'rejects with TIMED_OUT when the time is up'],
    {
      blocks: true,
      session(inner) {
        let disposed = false
        return {
          async run(inputs, options) {
            const rows = inputs?.input?.shape?.[1] === 1 ? inputs.input.shape[0]! : 0
            if (disposed || rows < 100) return inner.run(inputs, options)
            // Leaves the caller one turn, as runtimes with asynchronous methods and no thread do.
            await turn()
            if (options?.signal?.aborted) throw new TensorferryError('ABORTED', 'the call was aborted')
            if (disposed) throw disposedError()
            const end = performance.now() + rows / 10
            while (performance.now() < end);
            const input = inputs.input as Tensor<'float32'>
            return { output: { ...input, data: input.data.map((element) => 2 * element) } }
          },
          dispose() {
            disposed = true
            return inner.dispose()
          },
        }
      },
    },
  ),
  brokenBackend(
    'starts every run from a state of zeros',
    ['equals the goldens', 'a state that is fed back gives the whole stream'],
    {
      session: (inner) => ({
        run: (inputs, options) =>
          inner.run(inputs && 'state' in inputs ? { ...inputs, state: zeros('float32', [2]) } : inputs, options),
      }),
    },
  ),
  brokenBackend('resets nothing', ['reset brings a model back to its first state'], {
    session: (inner) => (inner.reset ? { reset: async () => {} } : {}),
  }),
]
