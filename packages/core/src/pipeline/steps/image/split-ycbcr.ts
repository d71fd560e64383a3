import { type RawImage, requireImage } from '../../raw-image.ts'
import type { StepContext } from '../../step.ts'
import type { SplitYcbcrOptions } from './split-ycbcr-options.ts'
import { planesFromRgb } from './ycbcr.ts'

/**
 * Splits an RGB image into Y, Cb and Cr.
 *
 * @param image - mode RGB
 * @returns three uint8 images of mode L and the same size
 * @throws TensorferryError `INPUT_INVALID`
 * @see PIL.Image.Image.convert('YCbCr').split(): equal to the last bit
 */
export function splitYcbcr(image: RawImage): { Y: RawImage; Cb: RawImage; Cr: RawImage } {
  return planesFromRgb(requireImage('split_ycbcr', image, ['RGB']))
}

/** Step `split_ycbcr`: Y goes on as an image of mode L, the kept planes go to the context. */
export function keepChroma(image: RawImage, { keep }: SplitYcbcrOptions, context: StepContext): RawImage {
  const planes = splitYcbcr(image)
  context.keptPlanes = Object.fromEntries(keep.map((name) => [name, planes[name]]))
  return planes.Y
}
