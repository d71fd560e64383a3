import { blankImage, IMAGE_CHANNELS, type RawImage, requireImage } from '../../raw-image.ts'
import type { CenterCropOptions } from './center-crop-options.ts'
import type { OutputWindow } from './resample.ts'

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
