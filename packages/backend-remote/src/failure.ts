import type { TensorferryError } from '@tensorferry/core'

/**
 * What a failed request means for trying again.
 *
 * - `unsent`: the server never got it
 * - `refused`: the server would not take it now, and says that it did not run it
 * - `broken`: it may have been run or not
 * - `answered`: the answer is an error of this request; another try would get the same
 */
export type FailureKind = 'unsent' | 'refused' | 'broken' | 'answered'

/** A request that failed at one server. Never leaves the package: callers get its `error`. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly kind: FailureKind
  readonly error: TensorferryError
  /** When the server said to come again; null: it did not. */
  readonly retryAfterMs: number | null

  constructor(kind: FailureKind, error: TensorferryError, retryAfterMs: number | null = null) {
    super(error.message)
    this.kind = kind
    this.error = error
    this.retryAfterMs = retryAfterMs
  }
}
