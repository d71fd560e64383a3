import * as v from 'valibot'
import type { StepEntry } from '../../step.ts'

/** Options of the step `split_ycbcr`. */
export interface SplitYcbcrOptions {
  /** Planes that stay in the context for `merge_ycbcr`. */
  readonly keep: readonly ('Cb' | 'Cr')[]
}

/** Step `split_ycbcr`, run by `split-ycbcr.ts`. */
export const splitYcbcrEntry = {
  op: 'split_ycbcr',
  schema: v.strictObject({ op: v.literal('split_ycbcr'), keep: v.array(v.picklist(['Cb', 'Cr'])) }),
  takes: 'image',
  gives: 'image',
} as const satisfies StepEntry
