export type { EncodeOptions, ImageCodecs } from './image-codecs.ts'
export {
  type PlanOptions,
  type PlanRunOptions,
  type PostprocessPlan,
  type PostprocessResult,
  type PreprocessPlan,
  planPostprocess,
  planPreprocess,
  type StepResult,
} from './plan.ts'
export { IMAGE_CHANNELS, type ImageMode, MAX_PIXELS, type RawImage } from './raw-image.ts'
export { createStepContext, type PlaneName, type StepContext } from './step.ts'
export { type CenterCropOptions, centerCrop } from './steps/image/center-crop.ts'
export { type ConvertImageOptions, convertImage } from './steps/image/convert-image.ts'
export type { ImageDataLike, ImageSource } from './steps/image/decode-image.ts'
export { type MergeYcbcrOptions, mergeYcbcr } from './steps/image/merge-ycbcr.ts'
export type { Quantization } from './steps/image/quantize.ts'
export type { Interpolation } from './steps/image/resample-coefficients.ts'
export { type ResizeOptions, resize } from './steps/image/resize.ts'
export { splitYcbcr } from './steps/image/split-ycbcr.ts'
export { type ToImageOptions, toImage } from './steps/image/to-image.ts'
export { toTensor } from './steps/image/to-tensor.ts'
export {
  type PostprocessStep,
  type PostprocessStepInput,
  type PreprocessStep,
  type PreprocessStepInput,
  postprocessStepSchema,
  preprocessStepSchema,
} from './steps/index.ts'
export type { Size } from './steps/size.ts'
export { type ClampOptions, clamp } from './steps/tensor/clamp.ts'
export { type NormalizeOptions, normalize } from './steps/tensor/normalize.ts'
export { type SoftmaxOptions, softmax } from './steps/tensor/softmax.ts'
export { type Classification, type TopKOptions, topK } from './steps/tensor/top-k.ts'
