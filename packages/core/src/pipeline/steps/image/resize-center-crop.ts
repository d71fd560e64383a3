import type { PixelLoops } from '../../loops/pixel-loops.ts'
import { type RawImage, requireImage } from '../../raw-image.ts'
import { type CenterCropOptions, centerCrop, cropWindow } from './center-crop.ts'
import { resampleWindow } from './resample.ts'
import { type ResizeOptions, resizeTarget, resizeWith } from './resize.ts'

/**
 * `resize` then {@link centerCrop}, computing only the pixels that the crop keeps.
 *
 * @returns the same image to the last bit
 * @throws TensorferryError `INPUT_INVALID`
 */
export function resizeCenterCrop(
  image: RawImage,
  resizing: ResizeOptions,
  cropping: CenterCropOptions,
  loops: PixelLoops,
): RawImage {
  const target = resizeTarget(requireImage('resize', image), resizing)
  const window = cropWindow(target, cropping)
  const pads = window.height > target.height || window.width > target.width
  return pads ? centerCrop(resizeWith(image, resizing, loops), cropping) : resampleWindow(image, target, window, loops)
}
