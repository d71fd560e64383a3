import * as v from 'valibot'
import { blankImage, IMAGE_CHANNELS, type RawImage, requireImage } from '../../raw-image.ts'
import type { Step } from '../../step.ts'
import { type Size, sizeSchema } from '../size.ts'
import type { OutputWindow } from './resample.ts'

/** Options of {@link centerCrop}. */
export interface CenterCropOptions {
  /** Pixels of both edges, or `[height, width]`. */
  readonly size: Size
  /** Which pixel is the centre where two are: torchvision rounds half to even, transformers down. Default 'torchvision'. */
  readonly rounding?: 'torchvision' | 'transformers'
}

function halfToEven(twice: number): number {
  const half = Math.floor(twice / 2)
  return twice % 2 === 0 || half % 2 === 0 ? half : half + 1
}

function cropStart(length: number, crop: number, rounding: CenterCropOptions['rounding']): number {
  if (rounding === 'transformers') return Math.floor((length - crop) / 2)
  // torchvision pads a shorter image first, the smaller half before it.
  return crop > length ? -Math.floor((crop - length) / 2) : halfToEven(length - crop)
}

/** Where the crop of an image of this size lies; `top` and `left` are negative where it is larger than the image. */
export function cropWindow(image: { height: number; width: number }, options: CenterCropOptions): OutputWindow {
  const [height, width] = typeof options.size === 'number' ? [options.size, options.size] : options.size
  return {
    top: cropStart(image.height, height, options.rounding),
    left: cropStart(image.width, width, options.rounding),
    height,
    width,
  }
}

/**
 * Cuts out the centre; black (0) around an image that is smaller.
 *
 * @param image - any mode
 * @returns uint8 image of the same mode, of `size`
 * @throws TensorferryError `INPUT_INVALID`
 * @see torchvision.transforms.functional.center_crop, transformers.image_transforms.center_crop: equal to the last bit
 */
export function centerCrop(image: RawImage, options: CenterCropOptions): RawImage {
  requireImage('center_crop', image)
  const { top, left, height, width } = cropWindow(image, options)
  const channels = IMAGE_CHANNELS[image.mode]
  const cropped = blankImage(image.mode, height, width)
  const firstColumn = Math.max(left, 0)
  const rowBytes = (Math.min(left + width, image.width) - firstColumn) * channels
  for (let row = Math.max(top, 0); row < Math.min(top + height, image.height); row++) {
    const from = (row * image.width + firstColumn) * channels
    const to = ((row - top) * width + firstColumn - left) * channels
    cropped.data.set(image.data.subarray(from, from + rowBytes), to)
  }
  return cropped
}

const schema = v.strictObject({
  op: v.literal('center_crop'),
  size: sizeSchema,
  rounding: v.optional(v.picklist(['torchvision', 'transformers']), 'torchvision'),
})

/** Step `center_crop`, see {@link centerCrop}. */
export const centerCropStep = {
  op: 'center_crop',
  schema,
  takes: 'image',
  gives: 'image',
  run: (image: RawImage, options: CenterCropOptions) => centerCrop(image, options),
} as const satisfies Step
