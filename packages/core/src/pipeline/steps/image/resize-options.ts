import * as v from 'valibot'
import type { StepEntry } from '../../step.ts'
import { type Size, sizeSchema } from '../size.ts'
import { INTERPOLATIONS, type Interpolation } from './interpolation.ts'

/** Schema of `pillow_pass_order`, shared with `merge_ycbcr`. */
export const passOrderSchema = v.optional(v.picklist(['legacy', '13']), '13')

/** Options of `resize`. */
export interface ResizeOptions {
  /** Pixels of the shorter edge, the longer one in proportion (rounded down); or `[height, width]`. */
  readonly size: Size
  readonly interpolation: Interpolation
  /** Whose arithmetic. Only Pillow's for now. */
  readonly reference?: 'pillow'
  /** Which Pillow's order of passes: 9.4 to 12 'legacy', 13 '13'. Default '13'. */
  readonly pillow_pass_order?: 'legacy' | '13'
}

/** Step `resize`, run by `resize.ts`. */
export const resizeEntry = {
  op: 'resize',
  schema: v.strictObject({
    op: v.literal('resize'),
    size: sizeSchema,
    interpolation: v.picklist(INTERPOLATIONS),
    reference: v.optional(v.picklist(['pillow'], "only 'pillow' is supported as yet"), 'pillow'),
    pillow_pass_order: passOrderSchema,
  }),
  takes: 'image',
  gives: 'image',
} as const satisfies StepEntry
