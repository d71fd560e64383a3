import type { CallOptions } from './backend.ts'
import { TensorferryError } from './errors.ts'

function abortedError(signal: AbortSignal): TensorferryError {
  return new TensorferryError('ABORTED', 'the call was aborted by its signal', { cause: signal.reason })
}

/** Throws `ABORTED` when the signal has fired already. */
export function throwIfAborted(options: CallOptions | undefined): void {
  if (options?.signal?.aborted) throw abortedError(options.signal)
}

function hasValidValues({ signal, timeoutMs }: CallOptions): boolean {
  if (signal && typeof signal.addEventListener !== 'function') return false
  return timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs > 0)
}

async function refuse(options: unknown, callback?: string): Promise<never> {
  const { callOptionsError } = await import('./call-options-error.ts')
  throw callOptionsError(options, callback)
}

/**
 * Checks the options of a call that takes `signal`, `timeoutMs` and at most one callback.
 *
 * @param callback - its name
 * @returns null, or what the call rejects with: `OPTIONS_INVALID` naming the key or value
 */
export function refuseCallOptions(options: CallOptions | undefined, callback?: string): Promise<never> | null {
  if (options === undefined || options === null) return null
  const isFine =
    typeof options === 'object' &&
    // A signal in place of `{ signal }` has no keys of its own, and would be passed over.
    !('aborted' in options) &&
    Object.entries(options).every(
      ([key, value]) =>
        key === 'signal' ||
        key === 'timeoutMs' ||
        (key === callback && (value === undefined || typeof value === 'function')),
    ) &&
    hasValidValues(options)
  return isFine ? null : refuse(options, callback)
}

/** A throw becomes a rejection, so that the timer and the listener are cleaned up in one place. */
async function startSafely<T>(start: () => Promise<T>): Promise<T> {
  return start()
}

type OnAbort = (error: TensorferryError) => void

/** A call in progress; empty once it has ended. */
type Slot = [OnAbort?]

interface Waiting {
  /** In order; the empty ones are swept when they are the most. */
  slots: Slot[]
  inUse: number
  tell(): void
}

/** Calls in progress by their signal. One listener for all of them: Node warns of a leak from the eleventh on. */
const waiting = new WeakMap<AbortSignal, Waiting>()

/** Calls back when the signal fires; the result takes that back. */
function onAbort(signal: AbortSignal, call: OnAbort): () => void {
  const entry = waiting.get(signal) ?? {
    slots: [],
    inUse: 0,
    tell() {
      // One for all, as the signal's own reason is.
      const error = abortedError(signal)
      for (const slot of entry.slots) {
        try {
          slot.pop()?.(error)
        } catch (thrown) {
          // As from a listener of its own: uncaught, and the other calls are told all the same.
          queueMicrotask(() => {
            throw thrown
          })
        }
      }
    },
  }
  const slot: Slot = [call]
  if (entry.slots.push(slot) === 1) {
    waiting.set(signal, entry)
    signal.addEventListener('abort', entry.tell, { once: true })
  }
  entry.inUse++
  return () => {
    if (!slot.pop()) return
    if (--entry.inUse * 2 < entry.slots.length) entry.slots = entry.slots.filter(([one]) => one)
    if (entry.inUse > 0) return
    signal.removeEventListener('abort', entry.tell)
    waiting.delete(signal)
  }
}

/**
 * Settles with the work's result, or at once with `ABORTED` or `TIMED_OUT`; the work then ends unseen.
 * Calls that share a signal share one listener on it.
 *
 * @param options - the caller's `signal` and `timeoutMs`; other keys are passed over
 * @param start - begins the work; not called when the signal has fired already
 * @param onCancel - told once when the caller has left, such as to take a waiting run out of its queue
 * @throws TensorferryError `ABORTED`, `TIMED_OUT`, `OPTIONS_INVALID` for a `timeoutMs` that is not a positive number
 */
export function withCallOptions<T>(
  options: CallOptions | undefined,
  start: () => Promise<T>,
  onCancel?: (error: TensorferryError) => void,
): Promise<T> {
  const signal = options?.signal
  const timeoutMs = options?.timeoutMs
  if (!signal && timeoutMs === undefined) return start()
  if (!hasValidValues(options!)) return refuse(options)
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted) throw abortedError(signal)
    let timer: ReturnType<typeof setTimeout> | undefined
    let ignoreSignal: (() => void) | undefined
    const cleanUp = (): void => {
      clearTimeout(timer)
      ignoreSignal?.()
    }
    const cancel = (error: TensorferryError): void => {
      cleanUp()
      reject(error)
      onCancel?.(error)
    }
    if (signal) ignoreSignal = onAbort(signal, cancel)
    if (timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY) {
      // setTimeout takes 31 bits; a longer wait is as good as none.
      timer = setTimeout(
        () =>
          cancel(
            new TensorferryError('TIMED_OUT', `the call took longer than timeoutMs = ${timeoutMs}`, {
              details: { timeoutMs },
            }),
          ),
        Math.min(timeoutMs, 2 ** 31 - 1),
      )
    }
    startSafely(start).then(
      (value) => {
        cleanUp()
        resolve(value)
      },
      (error: unknown) => {
        cleanUp()
        reject(error)
      },
    )
  })
}
