import { type Tensor, TensorferryError, type TensorSpec } from '@tensorferry/core'
import { DTYPES, type Slot } from './slots.ts'
import type { Value } from './value.ts'

/** How the arguments of `forward` are put together from tensors. */
export interface Layout {
  /** One for each tensor, in the order that `arguments` takes them in. */
  readonly specs: readonly TensorSpec[]
  /** Arguments by their position; undefined: the parameter's default. */
  arguments(tensors: readonly Tensor[]): Value[]
}

/** Puts one value together from all the tensors of a call. */
export type Build = (tensors: readonly Tensor[]) => Value

function refuse(name: string, expected: string, value: Tensor): never {
  throw new TensorferryError(
    'INPUT_INVALID',
    `${name}: expected ${expected}, got ${value.dtype}[${value.shape.join(', ')}]`,
    { details: { input: name, dtype: value.dtype, shape: value.shape } },
  )
}

/**
 * A tensor as a leaf of an argument: itself, its one element, or its elements.
 *
 * @param name - of the input, for the message
 * @throws TensorferryError `INPUT_INVALID` for another dtype or another count of elements
 */
export function leafValue(name: string, slot: Extract<Slot, { is: 'one' | 'row' }>, value: Tensor): Value {
  const { kind, is } = slot
  if (kind === 'tensor') return value
  const dtypes = DTYPES[kind]
  if (is === 'row') {
    if (value.shape.length !== 1 || !dtypes.includes(value.dtype)) {
      refuse(name, `a list of ${kind} (a tensor of ${dtypes.join(' or ')} with one dimension)`, value)
    }
    const elements = Array.from(value.data as ArrayLike<number | bigint | string>)
    return kind === 'bool' ? elements.map((element) => element !== 0) : elements
  }
  if (value.data.length !== 1 || !dtypes.includes(value.dtype)) {
    refuse(name, `one ${kind} (a tensor of ${dtypes.join(' or ')}, shape [])`, value)
  }
  const element = value.data[0]!
  return kind === 'bool' ? element !== 0 : element
}

/** Puts a tuple together; a NamedTuple takes its fields in order too. */
export function tupleOf(builds: readonly Build[]): Build {
  return (tensors) => builds.map((build) => build(tensors))
}

/** A Map: an object would reorder keys like "8". */
export function dictOf(key: 'str' | 'int', entries: readonly (readonly [string, Build])[]): Build {
  return (tensors) =>
    new Map(entries.map(([name, build]) => [key === 'int' ? BigInt(name) : name, build(tensors)] as const))
}
