import * as v from 'valibot'
import { makeTensor, type Tensor } from '../../../tensor.ts'
import { IMAGE_CHANNELS, type RawImage, requireImage } from '../../raw-image.ts'
import type { Step } from '../../step.ts'

/** Options of {@link toUint8}. */
export interface ToUint8Options {
  /** 'chw' puts the channels first as PyTorch's own models want them, 'hwc' last as TensorFlow's and cameras have them. */
  readonly layout: 'chw' | 'hwc'
}

/**
 * The pixels as they are, for a network that scales and normalizes by itself.
 *
 * @param image - any mode
 * @returns uint8, shape [channels, height, width] or [height, width, channels], 0 to 255
 * @throws TensorferryError `INPUT_INVALID`
 * @see torchvision.transforms.functional.pil_to_tensor for 'chw', numpy.asarray of Pillow's image for 'hwc'
 */
export function toUint8(image: RawImage, { layout }: ToUint8Options): Tensor<'uint8'> {
  const { data, height, width, mode } = requireImage('to_uint8', image)
  const channels = IMAGE_CHANNELS[mode]
  // A copy: the pixels may be the caller's.
  if (layout === 'hwc') return makeTensor('uint8', data.slice(), [height, width, channels])
  const plane = height * width
  const output = data.map((_, i) => data[(i % plane) * channels + Math.floor(i / plane)]!)
  return makeTensor('uint8', output, [channels, height, width])
}

/** Step `to_uint8`, see {@link toUint8}. */
export const toUint8Step = {
  op: 'to_uint8',
  schema: v.strictObject({ op: v.literal('to_uint8'), layout: v.picklist(['chw', 'hwc']) }),
  takes: 'image',
  gives: 'uint8 tensor',
  run: toUint8,
} as const satisfies Step
