import * as v from 'valibot'
import { blankImage, IMAGE_CHANNELS, type ImageMode, type RawImage, requireImage } from '../../raw-image.ts'
import type { Step } from '../../step.ts'

/** Options of {@link convertImage}. */
export interface ConvertImageOptions {
  readonly mode: Exclude<ImageMode, 'RGBA'>
}

/**
 * Changes the mode as Pillow does: L from RGB by ITU-R 601-2 luma, RGB from L by repetition, alpha dropped without blending.
 *
 * @returns uint8 image of the mode; the image itself when it has that mode
 * @throws TensorferryError `INPUT_INVALID`
 * @see PIL.Image.Image.convert: equal to the last bit. Its L is not the Y of YCbCr.
 */
export function convertImage(image: RawImage, { mode }: ConvertImageOptions): RawImage {
  requireImage('convert_image', image)
  if (image.mode === mode) return image
  const from = IMAGE_CHANNELS[image.mode]
  const to = IMAGE_CHANNELS[mode]
  const { data } = image
  const converted = blankImage(mode, image.height, image.width)
  for (let at = 0, out = 0; at < data.length; at += from, out += to) {
    const red = data[at]!
    const green = from === 1 ? red : data[at + 1]!
    const blue = from === 1 ? red : data[at + 2]!
    if (to === 1) {
      converted.data[out] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    } else {
      converted.data[out] = red
      converted.data[out + 1] = green
      converted.data[out + 2] = blue
    }
  }
  return converted
}

/** Step `convert_image`, see {@link convertImage}. */
export const convertImageStep = {
  op: 'convert_image',
  schema: v.strictObject({ op: v.literal('convert_image'), mode: v.picklist(['RGB', 'L']) }),
  takes: 'image',
  gives: 'image',
  run: (image: RawImage, options: ConvertImageOptions) => convertImage(image, options),
} as const satisfies Step
