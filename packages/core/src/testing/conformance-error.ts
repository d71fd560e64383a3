import { TensorferryError } from '../errors.ts'

/** A backend has broken a rule. A verdict about the backend rather than a failure of the SDK, hence a class of its own. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError'
  /** What the rule asks for. */
  readonly expected: string
  /** What the backend did. */
  readonly received: string

  /**
   * @param subject - what was looked at
   * @param expected - what the rule asks for
   * @param received - what the backend did
   */
  constructor(subject: string, expected: string, received: string, options?: ErrorOptions) {
    super(`${subject}: expected ${expected}, got ${received}`, options)
    this.expected = expected
    this.received = received
  }
}

/** One line about whatever was thrown. */
export function describeError(error: unknown): string {
  if (TensorferryError.is(error)) return `${error.code} (${error.message})`
  if (error instanceof Error) return `an untyped ${error.name} (${error.message})`
  return `a thrown ${typeof error} (${String(error)})`
}
