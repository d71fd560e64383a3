import * as v from 'valibot'
import type { StepEntry } from '../../step.ts'
import { INTERPOLATIONS, type Interpolation } from './interpolation.ts'
import { QUANTIZATIONS, type Quantization } from './quantize.ts'
import { passOrderSchema } from './resize-options.ts'

/** Options of `mergeYcbcr`. */
export interface MergeYcbcrOptions {
  /** How Cb and Cr are resized to the size of Y. */
  readonly upscale: Interpolation
  /** How Y becomes uint8, see {@link ToImageOptions}. */
  readonly quantize: Quantization
  /** Matters only where Y is smaller than the chroma. Default '13'. */
  readonly pillow_pass_order?: 'legacy' | '13'
}

/** Step `merge_ycbcr`, run by `merge-ycbcr.ts`. */
export const mergeYcbcrEntry = {
  op: 'merge_ycbcr',
  schema: v.strictObject({
    op: v.literal('merge_ycbcr'),
    upscale: v.picklist(INTERPOLATIONS),
    quantize: v.picklist(QUANTIZATIONS),
    pillow_pass_order: passOrderSchema,
  }),
  takes: 'tensor',
  gives: 'image',
} as const satisfies StepEntry
