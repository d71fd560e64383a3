import * as v from 'valibot'
import { TensorferryError } from '../../../errors.ts'
import { elementCount, makeTensor, type Tensor } from '../../../tensor.ts'
import type { Step } from '../../step.ts'
import { requireFloat32 } from './require-tensor.ts'

/** Options of {@link softmax}. */
export interface SoftmaxOptions {
  /** Negative counts from the last. Default -1. */
  readonly axis?: number
}

/**
 * `exp(x - max) / sum` along an axis: the difference rounded to float32 as torch does, the rest in double precision.
 *
 * @param value - float32, any shape of at least one dimension
 * @returns float32, same shape, sums of 1 along the axis
 * @throws TensorferryError `INPUT_INVALID` when the tensor has no such axis
 * @see torch.softmax: within a relative 1e-6 (4e-7 absolute), for torch also rounds its exponentials and sums to float32
 */
export function softmax(value: Tensor<'float32'>, { axis = -1 }: SoftmaxOptions = {}): Tensor<'float32'> {
  const { data, shape } = requireFloat32('softmax', value)
  const dimension = axis < 0 ? axis + shape.length : axis
  const size = shape[dimension]
  if (size === undefined) {
    throw new TensorferryError('INPUT_INVALID', `softmax: axis ${axis} is not one of [${shape.join(', ')}]`, {
      details: { axis, shape },
    })
  }
  const inner = elementCount(shape.slice(dimension + 1))
  const output = new Float32Array(data.length)
  const exponentials = new Float64Array(size)
  for (let base = 0; base < data.length; base += size * inner) {
    for (let start = base; start < base + inner; start++) {
      let max = Number.NEGATIVE_INFINITY
      for (let i = 0; i < size; i++) max = Math.max(max, data[start + i * inner]!)
      let sum = 0
      for (let i = 0; i < size; i++) {
        exponentials[i] = Math.exp(Math.fround(data[start + i * inner]! - max))
        sum += exponentials[i]!
      }
      for (let i = 0; i < size; i++) output[start + i * inner] = exponentials[i]! / sum
    }
  }
  return makeTensor('float32', output, shape)
}

/** Step `softmax`, see {@link softmax}. */
export const softmaxStep = {
  op: 'softmax',
  schema: v.strictObject({ op: v.literal('softmax'), axis: v.optional(v.pipe(v.number(), v.integer()), -1) }),
  takes: 'tensor',
  gives: 'tensor',
  run: (value: Tensor<'float32'>, options: SoftmaxOptions) => softmax(value, options),
} as const satisfies Step
