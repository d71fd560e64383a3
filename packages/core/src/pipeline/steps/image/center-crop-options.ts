import * as v from 'valibot'
import type { StepEntry } from '../../step.ts'
import { type Size, sizeSchema } from '../size.ts'

/** Options of `centerCrop`. */
export interface CenterCropOptions {
  /** Pixels of both edges, or `[height, width]`. */
  readonly size: Size
  /** Which pixel is the centre where two are: torchvision rounds half to even, transformers down. Default 'torchvision'. */
  readonly rounding?: 'torchvision' | 'transformers'
}

/** Step `center_crop`, run by `center-crop.ts`. */
export const centerCropEntry = {
  op: 'center_crop',
  schema: v.strictObject({
    op: v.literal('center_crop'),
    size: sizeSchema,
    rounding: v.optional(v.picklist(['torchvision', 'transformers']), 'torchvision'),
  }),
  takes: 'image',
  gives: 'image',
} as const satisfies StepEntry
