import * as v from 'valibot'
import { TensorferryError } from '../../../errors.ts'
import { loopsAtHand, withLoops, withLoopsNow } from '../../loops/choose-loops.ts'
import type { PixelLoops } from '../../loops/pixel-loops.ts'
import { MAX_PIXELS, type RawImage, requireImage } from '../../raw-image.ts'
import type { Step } from '../../step.ts'
import { type Size, sizeSchema } from '../size.ts'
import { type OutputWindow, type ResampleTarget, resampleWindow } from './resample.ts'
import { INTERPOLATIONS, type Interpolation } from './resample-coefficients.ts'

/** Schema of `pillow_pass_order`, shared with `merge_ycbcr`. */
export const passOrderSchema = v.optional(v.picklist(['legacy', '13']), '13')

/** Options of {@link resize}. */
export interface ResizeOptions {
  /** Pixels of the shorter edge, the longer one in proportion (rounded down); or `[height, width]`. */
  readonly size: Size
  readonly interpolation: Interpolation
  /** Whose arithmetic. Only Pillow's for now. */
  readonly reference?: 'pillow'
  /** Which Pillow's order of passes: 9.4 to 12 'legacy', 13 '13'. Default '13'. */
  readonly pillow_pass_order?: 'legacy' | '13'
}

/**
 * Output size and arithmetic of a resize of this image.
 *
 * @throws TensorferryError `INPUT_INVALID` when the output would have more than {@link MAX_PIXELS}
 */
export function resizeTarget(image: RawImage, options: ResizeOptions): ResampleTarget {
  const { size, interpolation } = options
  const { height, width } = image
  const short = Math.min(height, width)
  const target =
    typeof size === 'number'
      ? {
          height: Math.trunc((size * height) / short),
          width: Math.trunc((size * width) / short),
        }
      : { height: size[0], width: size[1] }
  if (!(target.height * target.width <= MAX_PIXELS)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `resize: ${width} x ${height} would become ${target.width} x ${target.height}, more than ${MAX_PIXELS} pixels`,
      { details: { width, height, target } },
    )
  }
  return { ...target, interpolation, passOrder: options.pillow_pass_order ?? '13' }
}

/**
 * Resizes as Pillow does, with antialiasing when it shrinks. RGBA is resized with premultiplied alpha.
 *
 * @param image - any mode
 * @returns uint8 image of the same mode; a copy when the size is the same
 * @throws TensorferryError `INPUT_INVALID`
 * @see torchvision.transforms.functional.resize of a PIL image (equal to the last bit, goldens from Pillow 9.5 to 13).
 *   Pillow 12.2 and 12.3 alone swap the passes of images over 100 times as high as wide; `legacy` does not.
 */
export function resize(image: RawImage, options: ResizeOptions): RawImage {
  return resizeWith(image, options, loopsAtHand())
}

/** {@link resize} with the loops that are given: WebAssembly's or TypeScript's, the same bits. */
export function resizeWith(image: RawImage, options: ResizeOptions, loops: PixelLoops): RawImage {
  const target = resizeTarget(requireImage('resize', image), options)
  return resampleWindow(image, target, wholeOutput(target), loops)
}

/** The window that is all of the output. */
function wholeOutput({ height, width }: ResampleTarget): OutputWindow {
  return { top: 0, left: 0, height, width }
}

const schema = v.strictObject({
  op: v.literal('resize'),
  size: sizeSchema,
  interpolation: v.picklist(INTERPOLATIONS),
  reference: v.optional(v.picklist(['pillow'], "only 'pillow' is supported as yet"), 'pillow'),
  pillow_pass_order: passOrderSchema,
})

/** Step `resize`, see {@link resize}. */
export const resizeStep = {
  op: 'resize',
  schema,
  takes: 'image',
  gives: 'image',
  run: (image: RawImage, options: ResizeOptions) => withLoops(image, (loops) => resizeWith(image, options, loops)),
  runAtOnce: (image: RawImage, options: ResizeOptions) =>
    withLoopsNow(image, (loops) => resizeWith(image, options, loops)),
} as const satisfies Step
