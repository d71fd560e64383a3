import type { StepRun } from '../step.ts'
import { centerCrop } from './image/center-crop.ts'
import { mergeKeptChroma } from './image/merge-ycbcr.ts'
import { resize } from './image/resize.ts'
import { resizeCenterCrop } from './image/resize-center-crop.ts'
import { keepChroma } from './image/split-ycbcr.ts'

/** Steps that resize, cut and take apart pictures. A model loads them when its bundle has one: they are a third of all steps' code. */
export const GEOMETRY = {
  runs: { resize, center_crop: centerCrop, split_ycbcr: keepChroma, merge_ycbcr: mergeKeptChroma } satisfies Record<
    string,
    StepRun
  >,
  resizeCenterCrop,
}

/** What {@link GEOMETRY} is. */
export type Geometry = typeof GEOMETRY
