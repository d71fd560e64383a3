import { ERRORS, type ErrorCode, TensorferryError } from '../errors.ts'
import { ConformanceError, describeError } from './conformance-error.ts'

/** How a call ended. */
export type Outcome<T> =
  | { readonly status: 'fulfilled'; readonly value: T }
  | { readonly status: 'rejected'; readonly error: unknown }
  /** Thrown before there was a promise: an async call must never do that. */
  | { readonly status: 'threw'; readonly error: unknown }

/** Calls and waits for the end; never rejects, so that no rejection is left unhandled. */
export function outcome<T>(call: () => Promise<T>): Promise<Outcome<T>> {
  let promise: Promise<T>
  try {
    promise = call()
  } catch (error) {
    return Promise.resolve({ status: 'threw', error })
  }
  return Promise.resolve(promise).then(
    (value) => ({ status: 'fulfilled', value }),
    (error: unknown) => ({ status: 'rejected', error }),
  )
}

/** The error of a typed rejection with one of the codes. */
export function requireRejection(
  ended: Outcome<unknown>,
  codes: readonly ErrorCode[],
  subject: string,
): TensorferryError {
  const expected = `a rejection with ${codes.join(' or ')}`
  if (ended.status === 'fulfilled') throw new ConformanceError(subject, expected, 'a result')
  const { error } = ended
  if (ended.status === 'threw') {
    throw new ConformanceError(subject, expected, `${describeError(error)} thrown in place of a rejection`, {
      cause: error,
    })
  }
  if (!TensorferryError.is(error) || !codes.includes(error.code)) {
    throw new ConformanceError(subject, expected, describeError(error), { cause: error })
  }
  if (typeof error.message !== 'string' || error.message.trim() === '') {
    throw new ConformanceError(subject, `a message with ${error.code}`, 'an empty one', { cause: error })
  }
  try {
    structuredClone(error.details)
  } catch (cause) {
    throw new ConformanceError(subject, 'details of plain data', 'details that cannot be cloned', { cause })
  }
  return error
}

/** Calls and requires a typed rejection with one of the codes. */
export async function rejectsWith(
  codes: readonly ErrorCode[],
  call: () => Promise<unknown>,
  subject: string,
): Promise<TensorferryError> {
  return requireRejection(await outcome(call), codes, subject)
}

/** Every code of the table: for rules that ask for a typed error, whichever. */
export const ANY_CODE = Object.keys(ERRORS) as readonly ErrorCode[]
