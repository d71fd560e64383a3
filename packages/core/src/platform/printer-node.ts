import { formatTensor } from '../print.ts'
import type { Tensor } from '../tensor.ts'

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** Lets `console.log` print the tensor as text; invisible to equality, spread, JSON and structuredClone. */
export function attachPrinter<T extends Tensor>(value: T): T {
  Object.defineProperty(value, INSPECT, { value: inspectTensor, enumerable: false })
  return value
}

function inspectTensor(this: Tensor): string {
  return formatTensor(this)
}
