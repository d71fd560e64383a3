import { withLoops } from '../loops/choose-loops.ts'
import type { RawImage } from '../raw-image.ts'
import type { StepRun } from '../step.ts'
import { centerCrop } from './image/center-crop.ts'
import type { CenterCropOptions } from './image/center-crop-options.ts'
import { mergeKeptChroma } from './image/merge-ycbcr.ts'
import { resizeWith } from './image/resize.ts'
import { resizeCenterCrop } from './image/resize-center-crop.ts'
import type { ResizeOptions } from './image/resize-options.ts'
import { keepChroma } from './image/split-ycbcr.ts'

/** Steps that resize, cut and take apart pictures. A model loads them when its bundle has one: they are a third of all steps' code. */
export const GEOMETRY = {
  runs: {
    resize: (image: RawImage, options: ResizeOptions) => withLoops(image, (loops) => resizeWith(image, options, loops)),
    center_crop: centerCrop,
    split_ycbcr: keepChroma,
    merge_ycbcr: mergeKeptChroma,
  } satisfies Record<string, StepRun>,
  resizeCenterCrop: (image: RawImage, resizing: ResizeOptions, cropping: CenterCropOptions) =>
    withLoops(image, (loops) => resizeCenterCrop(image, resizing, cropping, loops)),
}

/** What {@link GEOMETRY} is. */
export type Geometry = typeof GEOMETRY
