import { expect } from 'vitest'
import { type ErrorCode, TensorferryError } from '../../src/errors.ts'

/** The message of the error that the work throws or rejects with; fails when it has another code or none comes. */
export async function messageOf(code: ErrorCode, work: () => unknown): Promise<string> {
  let caught: unknown
  try {
    await work()
  } catch (error) {
    caught = error
  }
  expect(caught, `nothing was thrown, expected ${code}`).toBeInstanceOf(TensorferryError)
  expect((caught as TensorferryError).code).toBe(code)
  return (caught as TensorferryError).message
}
