export type { EncodeOptions, ImageCodecs } from './image-codecs.ts'
export { planPostprocess, planPreprocess } from './plan.ts'
export type { PlanOptions, PlanRunOptions, PostprocessPlan, PostprocessResult, PreprocessPlan } from './plan-steps.ts'
export { IMAGE_CHANNELS, type ImageMode, MAX_PIXELS, type RawImage } from './raw-image.ts'
export { createStepContext, type PlaneName, type StepContext } from './step.ts'
export { centerCrop } from './steps/image/center-crop.ts'
export type { CenterCropOptions } from './steps/image/center-crop-options.ts'
export { type ConvertImageOptions, convertImage } from './steps/image/convert-image.ts'
export type { ImageDataLike, ImageSource } from './steps/image/decode-image.ts'
export type { Interpolation } from './steps/image/interpolation.ts'
export { mergeYcbcr } from './steps/image/merge-ycbcr.ts'
export type { MergeYcbcrOptions } from './steps/image/merge-ycbcr-options.ts'
export type { Quantization } from './steps/image/quantize.ts'
export { resize } from './steps/image/resize.ts'
export type { ResizeOptions } from './steps/image/resize-options.ts'
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
