import * as v from 'valibot'
import { TensorferryError } from '../../../errors.ts'
import type { Tensor } from '../../../tensor.ts'
import { blankImage, type ImageMode, type RawImage } from '../../raw-image.ts'
import type { Step } from '../../step.ts'
import { requireFloat32, trailingShape } from '../tensor/require-tensor.ts'
import { QUANTIZATIONS, type Quantization, quantizeValue } from './quantize.ts'

/** Options of {@link toImage}. */
export interface ToImageOptions {
  /** 'truncate' drops the fraction of `value * 255`, 'round' takes the nearest level, half to even. */
  readonly quantize: Quantization
}

const MODES: Readonly<Record<number, ImageMode>> = { 1: 'L', 3: 'RGB', 4: 'RGBA' }

/**
 * Makes an image of planes of 0..1; values outside are clipped.
 *
 * @param value - float32, shape [channels, height, width] or [1, channels, height, width], 1, 3 or 4 channels
 * @returns uint8 image of mode L, RGB or RGBA
 * @throws TensorferryError `INPUT_INVALID`
 * @see numpy: `np.uint8((value * 255.0).clip(0, 255))` in float32, equal to the last bit
 */
export function toImage(value: Tensor<'float32'>, { quantize }: ToImageOptions): RawImage {
  const { data, shape } = requireFloat32('to_image', value)
  const [channels, height, width] = trailingShape('to_image', shape, 3) as [number, number, number]
  const mode = MODES[channels]
  if (!mode || height === 0 || width === 0) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `to_image: expected [1, 3 or 4 channels, height, width], got [${shape.join(', ')}]`,
      { details: { shape } },
    )
  }
  const image = blankImage(mode, height, width)
  let at = 0
  for (let channel = 0; channel < channels; channel++) {
    for (let out = channel; out < data.length; out += channels) image.data[out] = quantizeValue(data[at++]!, quantize)
  }
  return image
}

/** Step `to_image`, see {@link toImage}. */
export const toImageStep = {
  op: 'to_image',
  schema: v.strictObject({ op: v.literal('to_image'), quantize: v.picklist(QUANTIZATIONS) }),
  takes: 'tensor',
  gives: 'image',
  run: (value: Tensor<'float32'>, options: ToImageOptions) => toImage(value, options),
} as const satisfies Step
