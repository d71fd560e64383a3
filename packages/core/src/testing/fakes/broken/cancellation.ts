import type { CallOptions } from '../../../backend.ts'
import { TensorferryError } from '../../../errors.ts'
import { type BrokenBackend, brokenBackend } from '../broken-backend.ts'

const BEFORE = 'rejects with ABORTED when the signal has fired before'
const NOT_NEEDED = 'takes a signal and a time limit that are not needed'
const IN_PROGRESS = 'an abort settles a run in progress at once'
const WAITING = 'an abort settles a waiting run at once and leaves the others'
const TIMED_OUT = 'rejects with TIMED_OUT when the time is up'
const NO_TIME = 'refuses a timeoutMs that is no time with OPTIONS_INVALID'

const isTime = (options?: CallOptions): boolean => options?.timeoutMs === undefined || options.timeoutMs > 0

const aborted = (): TensorferryError => new TensorferryError('ABORTED', 'the call was aborted')

/** Backends that take `signal` and `timeoutMs` lightly. */
export const brokenCancellation: readonly BrokenBackend[] = [
  brokenBackend('runs although the signal has fired', [BEFORE], {
    session: (inner) => ({
      run: (inputs, options) => inner.run(inputs, options?.signal?.aborted ? {} : options),
    }),
  }),
  brokenBackend("passes on the signal's own reason", [BEFORE, IN_PROGRESS, WAITING], {
    session: (inner) => ({
      run: (inputs, options) =>
        inner.run(inputs, options).catch((error) => {
          throw options?.signal?.aborted ? options.signal.reason : error
        }),
    }),
  }),
  brokenBackend('answers an abort when the run has ended', [IN_PROGRESS, WAITING], {
    session: (inner) => ({
      async run(inputs, options) {
        const { signal, ...others } = options ?? {}
        if (signal?.aborted) throw aborted()
        const outputs = await inner.run(inputs, others)
        if (signal?.aborted) throw aborted()
        return outputs
      },
    }),
  }),
  brokenBackend('cannot abort a run in progress', [IN_PROGRESS], {
    session(inner) {
      let pending = 0
      return {
        async run(inputs, options) {
          const { signal, ...others } = options ?? {}
          const waits = pending++ > 0
          return inner.run(inputs, waits || signal?.aborted ? options : others).finally(() => pending--)
        },
      }
    },
  }),
  brokenBackend('aborts every run for one', [WAITING], {
    session(inner) {
      const all = new Set<AbortController>()
      return {
        async run(inputs, options) {
          const controller = new AbortController()
          all.add(controller)
          options?.signal?.addEventListener('abort', () => {
            for (const other of all) other.abort()
          })
          if (options?.signal?.aborted) controller.abort()
          return inner.run(inputs, { ...options, signal: controller.signal }).finally(() => all.delete(controller))
        },
      }
    },
  }),
  brokenBackend('listens to the signal after the run', [NOT_NEEDED], {
    session(inner) {
      let late = false
      return {
        async run(inputs, options) {
          if (late) throw aborted()
          const outputs = await inner.run(inputs, options)
          options?.signal?.addEventListener('abort', () => {
            late = true
          })
          return outputs
        },
      }
    },
  }),
  brokenBackend('has no time limit', [TIMED_OUT], {
    session: (inner) => ({
      run: (inputs, options) => inner.run(inputs, isTime(options) ? { signal: options?.signal } : options),
    }),
  }),
  brokenBackend('takes any timeoutMs', [NO_TIME], {
    session: (inner) => ({
      run: (inputs, options) => inner.run(inputs, isTime(options) ? options : { signal: options?.signal }),
    }),
  }),
]
