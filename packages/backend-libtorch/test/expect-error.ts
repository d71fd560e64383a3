import { type ErrorCode, TensorferryError } from '@tensorferry/core'
import { expect } from 'vitest'

/** Expects a typed rejection and gives it. */
export async function rejection(call: () => Promise<unknown>, code: ErrorCode): Promise<TensorferryError> {
  try {
    await call()
  } catch (error) {
    expect(TensorferryError.is(error), String(error)).toBe(true)
    expect((error as TensorferryError).code, (error as Error).message).toBe(code)
    return error as TensorferryError
  }
  throw new Error(`expected a rejection with ${code}`)
}
