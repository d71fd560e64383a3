import type { Tensor } from '../tensor.ts'

/** Browsers show any object as it is: an app there does without the text. */
export function attachPrinter<T extends Tensor>(value: T): T {
  return value
}
