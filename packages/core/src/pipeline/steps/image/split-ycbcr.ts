import * as v from 'valibot'
import { type RawImage, requireImage } from '../../raw-image.ts'
import type { Step, StepContext } from '../../step.ts'
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

/** Options of the step `split_ycbcr`. */
export interface SplitYcbcrOptions {
  /** Planes that stay in the context for `merge_ycbcr`. */
  readonly keep: readonly ('Cb' | 'Cr')[]
}

/** Step `split_ycbcr`: Y goes on as an image of mode L, the kept planes go to the context. */
export const splitYcbcrStep = {
  op: 'split_ycbcr',
  schema: v.strictObject({ op: v.literal('split_ycbcr'), keep: v.array(v.picklist(['Cb', 'Cr'])) }),
  takes: 'image',
  gives: 'image',
  run(image: RawImage, { keep }: SplitYcbcrOptions, context: StepContext): RawImage {
    const planes = splitYcbcr(image)
    context.keptPlanes = Object.fromEntries(keep.map((name) => [name, planes[name]]))
    return planes.Y
  },
} as const satisfies Step
