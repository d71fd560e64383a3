import type { Tensor } from '@tensorferry/core'

/**
 * What a TorchScript method takes and returns. An `int` is a number, or a bigint over 2**53; tuples and lists are arrays, a
 * NamedTuple is an object, `None` is null. A dict is an object in its own order; a Map where its keys are not strings, or
 * one of them is a whole number such as "32", which an object would put first.
 */
export type Value =
  | Tensor
  | number
  | bigint
  | string
  | boolean
  | null
  | undefined
  | readonly Value[]
  | ReadonlyMap<number | bigint | string | boolean, Value>
  | { readonly [name: string]: Value }

/** True for a tensor of the SDK's. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value && 'data' in value
}
