import * as v from 'valibot'
import { centerCropStep } from './image/center-crop.ts'
import { convertImageStep } from './image/convert-image.ts'
import { decodeImageStep } from './image/decode-image.ts'
import { mergeYcbcrStep } from './image/merge-ycbcr.ts'
import { resizeStep } from './image/resize.ts'
import { splitYcbcrStep } from './image/split-ycbcr.ts'
import { toImageStep } from './image/to-image.ts'
import { toTensorStep } from './image/to-tensor.ts'
import { toUint8Step } from './image/to-uint8-step.ts'
import { clampStep } from './tensor/clamp.ts'
import { normalizeStep } from './tensor/normalize.ts'
import { softmaxStep } from './tensor/softmax.ts'
import { topKStep } from './tensor/top-k.ts'

/** Steps that turn a raw input into a tensor, by op. */
export const PREPROCESS_STEPS = {
  decode_image: decodeImageStep,
  convert_image: convertImageStep,
  split_ycbcr: splitYcbcrStep,
  resize: resizeStep,
  center_crop: centerCropStep,
  to_tensor: toTensorStep,
  normalize: normalizeStep,
  to_uint8: toUint8Step,
} as const

/** Steps that turn an output into a result, by op. */
export const POSTPROCESS_STEPS = {
  clamp: clampStep,
  to_image: toImageStep,
  merge_ycbcr: mergeYcbcrStep,
  softmax: softmaxStep,
  top_k: topKStep,
} as const

/** Schema of one entry of a bundle's `preprocess[].steps`. */
export const preprocessStepSchema = v.variant(
  'op',
  Object.values(PREPROCESS_STEPS).map(({ schema }) => schema),
)

/** Schema of one entry of a bundle's `postprocess[].steps`. */
export const postprocessStepSchema = v.variant(
  'op',
  Object.values(POSTPROCESS_STEPS).map(({ schema }) => schema),
)

/** A preprocess step as it is written; options with a default may be left out. */
export type PreprocessStepInput = v.InferInput<typeof preprocessStepSchema>
/** A preprocess step with its defaults filled in. */
export type PreprocessStep = v.InferOutput<typeof preprocessStepSchema>
/** A postprocess step as it is written; options with a default may be left out. */
export type PostprocessStepInput = v.InferInput<typeof postprocessStepSchema>
/** A postprocess step with its defaults filled in. */
export type PostprocessStep = v.InferOutput<typeof postprocessStepSchema>
