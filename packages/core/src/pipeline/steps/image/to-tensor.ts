import * as v from 'valibot'
import { makeTensor, type Tensor } from '../../../tensor.ts'
import { IMAGE_CHANNELS, type RawImage, requireImage } from '../../raw-image.ts'
import type { Step } from '../../step.ts'

/** Every pixel value divided by 255 in float32, as torch's division rounds it. */
export function pixelTable(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, pixel) => pixel / 255)
}

/**
 * Interleaved pixels to planes, each pixel replaced by its entry in its channel's table.
 *
 * @param tables - 256 entries per channel
 * @returns float32, shape [channels, height, width]
 */
export function planesFromPixels(image: RawImage, tables: readonly Float32Array[]): Tensor<'float32'> {
  const { data, height, width } = image
  const channels = IMAGE_CHANNELS[image.mode]
  const plane = height * width
  const output = new Float32Array(data.length)
  for (let channel = 0; channel < channels; channel++) {
    // 256 possible pixels: a table rounded like torch, op by op, is exact and faster than arithmetic.
    const table = tables[channel]!
    const base = channel * plane
    for (let i = 0, at = channel; i < plane; i++, at += channels) output[base + i] = table[data[at]!]!
  }
  return makeTensor('float32', output, [channels, height, width])
}

/**
 * Scales pixels to 0..1 and puts the channels first.
 *
 * @param image - any mode
 * @returns float32, shape [channels, height, width], `pixel / 255`
 * @throws TensorferryError `INPUT_INVALID`
 * @see torchvision.transforms.functional.to_tensor: equal to the last bit
 */
export function toTensor(image: RawImage): Tensor<'float32'> {
  const table = pixelTable()
  return planesFromPixels(requireImage('to_tensor', image), [table, table, table, table])
}

/** Step `to_tensor`, see {@link toTensor}. */
export const toTensorStep = {
  op: 'to_tensor',
  schema: v.strictObject({ op: v.literal('to_tensor') }),
  takes: 'image',
  gives: 'tensor',
  run: (image: RawImage) => toTensor(image),
} as const satisfies Step
