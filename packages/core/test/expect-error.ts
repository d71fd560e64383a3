import { expect } from 'vitest'
import { type ErrorCode, TensorferryError } from '../src/errors.ts'

/** Runs `work`, which must fail with that code and a message that matches. */
export async function expectError(code: ErrorCode, message: RegExp, work: () => unknown): Promise<TensorferryError> {
  let caught: unknown
  try {
    await work()
  } catch (error) {
    caught = error
  }
  if (!TensorferryError.is(caught))
    throw new Error(`expected a TensorferryError ${code}, got ${String(caught ?? 'no error')}`, { cause: caught })
  expect(caught.code).toBe(code)
  expect(caught.message).toMatch(message)
  return caught
}
