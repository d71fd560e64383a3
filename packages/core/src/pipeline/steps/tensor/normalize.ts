import * as v from 'valibot'
import { TensorferryError } from '../../../errors.ts'
import { makeTensor, type Tensor } from '../../../tensor.ts'
import type { Step } from '../../step.ts'
import { requireFloat32 } from './require-tensor.ts'

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** One per channel, in the tensor's units. */
  readonly mean: readonly number[]
  /** One per channel, in the tensor's units; not 0. */
  readonly std: readonly number[]
}

/** Checks that there are a mean and a std for each channel. @throws TensorferryError `INPUT_INVALID` */
export function requirePerChannel({ mean, std }: NormalizeOptions, channels: number): void {
  if (mean.length === channels && std.length === channels && !std.some((value) => Math.fround(value) === 0)) return
  throw new TensorferryError(
    'INPUT_INVALID',
    `normalize: expected ${channels} means and ${channels} stds other than 0, one per channel, got [${mean.join(', ')}] and [${std.join(', ')}]`,
    { details: { channels, mean, std } },
  )
}

/** `(value - mean) / std` of each value, rounded to float32 after each operation as torch does. */
export function normalizeValues(
  values: Float32Array,
  mean: number,
  std: number,
  output: Float32Array = new Float32Array(values.length),
): Float32Array {
  const float32Mean = Math.fround(mean)
  const float32Std = Math.fround(std)
  for (let i = 0; i < values.length; i++) output[i] = Math.fround(values[i]! - float32Mean) / float32Std
  return output
}

/**
 * Standardises each channel: `(value - mean) / std`.
 *
 * @param value - float32, shape [..., channels, height, width]
 * @returns float32, same shape
 * @throws TensorferryError `INPUT_INVALID` when `mean` or `std` has not one entry per channel or a std is 0
 * @see torchvision.transforms.functional.normalize: equal to the last bit
 */
export function normalize(value: Tensor<'float32'>, { mean, std }: NormalizeOptions): Tensor<'float32'> {
  const { shape, data } = requireFloat32('normalize', value)
  if (shape.length < 3) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `normalize: expected shape [..., channels, height, width], got [${shape.join(', ')}]`,
    )
  }
  const [channels, height, width] = shape.slice(-3) as [number, number, number]
  requirePerChannel({ mean, std }, channels)
  const plane = height * width
  const output = new Float32Array(data.length)
  for (let at = 0, index = 0; at < data.length; at += plane, index++) {
    const channel = index % channels
    normalizeValues(data.subarray(at, at + plane), mean[channel]!, std[channel]!, output.subarray(at, at + plane))
  }
  return makeTensor('float32', output, shape)
}

const perChannel = v.pipe(v.array(v.pipe(v.number(), v.finite())), v.nonEmpty())

/** Step `normalize`, see {@link normalize}. */
export const normalizeStep = {
  op: 'normalize',
  schema: v.strictObject({ op: v.literal('normalize'), mean: perChannel, std: perChannel }),
  takes: 'tensor',
  gives: 'tensor',
  run: (value: Tensor<'float32'>, options: NormalizeOptions) => normalize(value, options),
} as const satisfies Step
