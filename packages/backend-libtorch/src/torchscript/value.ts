import type { Tensor } from '@tensorferry/core'

/**
 * What a TorchScript method takes and returns. An `int` is a number, or a bigint over 2**53; a NamedTuple and a dict with
 * string keys are objects, other dicts are Maps, tuples and lists arrays; `None` is null.
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
