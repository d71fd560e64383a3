import type { CallOptions } from './backend.ts'
import { TensorferryError } from './errors.ts'

function abortedError(signal: AbortSignal): TensorferryError {
  return new TensorferryError('ABORTED', 'the call was aborted by its signal', { cause: signal.reason })
}

/** Throws `ABORTED` when the signal has fired already. */
export function throwIfAborted(options: CallOptions | undefined): void {
  if (options?.signal?.aborted) throw abortedError(options.signal)
}

/** A throw becomes a rejection, so that the timer and the listener are cleaned up in one place. */
async function startSafely<T>(start: () => Promise<T>): Promise<T> {
  return start()
}

/**
 * Settles with the work's result, or at once with `ABORTED` or `TIMED_OUT`; the work then ends unseen.
 *
 * @param options - the caller's `signal` and `timeoutMs`
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
  return new Promise<T>((resolve, reject) => {
    if (timeoutMs !== undefined && !(timeoutMs > 0)) {
      throw new TensorferryError(
        'OPTIONS_INVALID',
        `timeoutMs: expected a positive number of milliseconds, got ${timeoutMs}`,
      )
    }
    if (signal?.aborted) throw abortedError(signal)
    let timer: ReturnType<typeof setTimeout> | undefined
    const cleanUp = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    const cancel = (error: TensorferryError): void => {
      cleanUp()
      reject(error)
      onCancel?.(error)
    }
    const onAbort = (): void => cancel(abortedError(signal!))
    signal?.addEventListener('abort', onAbort, { once: true })
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
