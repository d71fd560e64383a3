import { TensorferryError } from './errors.ts'
import { elementAt } from './print.ts'
import { type DType, type Element, elementCount, type Tensor, tensor } from './tensor.ts'

/** More axes than any runtime takes. */
const MAX_RANK = 64

/** Arrays in arrays, as deep as the shape is long; a scalar is the value itself. */
export type Nested<T> = T | readonly Nested<T>[]

/**
 * Makes a tensor from nested arrays; the shape is theirs.
 *
 * @param dtype - one of the dtypes
 * @param values - such as `[[1, 2], [3, 4]]`, shape [2, 2]; a bare value gives shape []
 * @throws TensorferryError `INPUT_INVALID` when the arrays are ragged
 * @see torch.tensor
 */
export function fromNested<D extends DType>(dtype: D, values: Nested<Element<D>>): Tensor<D> {
  const shape: number[] = []
  for (let level: unknown = values; Array.isArray(level); level = level[0]) {
    if (shape.push(level.length) <= MAX_RANK) continue
    throw new TensorferryError('INPUT_INVALID', `fromNested: expected at most ${MAX_RANK} arrays in one another`)
  }
  const flat: Element<D>[] = []
  const collect = (level: Nested<Element<D>>, depth: number, path: string): void => {
    const expected = shape[depth]
    if (Array.isArray(level) ? level.length !== expected : expected !== undefined) {
      const found = Array.isArray(level) ? `${level.length} entries` : 'a value'
      throw new TensorferryError(
        'INPUT_INVALID',
        `fromNested: ragged at ${path || 'the top'}: expected ${expected === undefined ? 'a value' : `${expected} entries`}, got ${found}`,
      )
    }
    if (Array.isArray(level))
      for (const [index, inner] of level.entries()) collect(inner, depth + 1, `${path}[${index}]`)
    else flat.push(level as Element<D>)
  }
  collect(values, 0, '')
  return tensor(dtype, flat, shape)
}

/**
 * The elements as nested arrays: halves widened to numbers, bools as booleans, int64 as bigint.
 *
 * @see torch.Tensor.tolist
 */
export function toNested(value: Tensor): Nested<number | bigint | boolean | string> {
  const build = (dimension: number, offset: number, stride: number): Nested<number | bigint | boolean | string> => {
    const size = value.shape[dimension]
    if (size === undefined) return elementAt(value, offset)
    return Array.from({ length: size }, (_, index) =>
      build(dimension + 1, offset + (index * stride) / size, stride / size),
    )
  }
  return build(0, 0, elementCount(value.shape))
}
