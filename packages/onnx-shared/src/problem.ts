import { type SerializedError, TensorferryError } from '@tensorferry/core'

/**
 * An error in words, still to be made. What a page loads when something fails gives these and does not import core: a module
 * that the page's first file and a later one both import would get a file of its own.
 */
export interface Problem extends SerializedError {
  readonly cause?: unknown
}

/** The error of a {@link Problem}. */
export function errorOf({ code, message, details, cause }: Problem): TensorferryError {
  return new TensorferryError(code, message, { details: { ...details }, ...(cause === undefined ? {} : { cause }) })
}
