export type * from './backend.ts'
export type {
  AnyBundle,
  InputsOf,
  LabelOf,
  OutputsOf,
  Prediction,
  PredictionOf,
} from './bundle/bundle-types.ts'
export type { Difference } from './bundle/compare.ts'
export type { GoldenCase, Manifest, ManifestArtifact, ManifestFile, Tolerance } from './bundle/manifest.ts'
export { BUNDLE_SCHEMA, parseManifest } from './bundle/manifest.ts'
export { readSafetensors } from './bundle/safetensors.ts'
export { type BundleSource, bundle, type ModelSource, type UntypedSource } from './bundle/source.ts'
export { throwIfAborted, withCallOptions } from './call.ts'
export { type CheckedSignature, checkInputs } from './check-inputs.ts'
export { clearDownloads, type Download, type DownloadOptions, listDownloads } from './downloads.ts'
export { DTYPE_NAMES } from './dtype.ts'
export { ERRORS, type ErrorCode, type SerializedError, TensorferryError } from './errors.ts'
export { type ByteSource, sourceFromBlob, sourceFromBytes } from './format/byte-source.ts'
export { detectFormat } from './format/detect.ts'
export { type OnnxSummary, readOnnxSummary } from './format/onnx.ts'
export { bfloat16FromFloat32, float16FromFloat32, float32FromBfloat16, float32FromFloat16 } from './half.ts'
export { type DecodeOptions, decodeImage, encodeImage } from './image-files.ts'
export { type LoadModelOptions, loadModel } from './load.ts'
export type { Model, PipelineCallOptions, Preprocessed } from './model.ts'
export type { PipelineContext, RawInput, RawInputs } from './model-pipeline.ts'
export { fromNested, type Nested, toNested } from './nested.ts'
export * from './pipeline/index.ts'
export type { LocateOptions } from './platform/platform.ts'
export { formatTensor } from './print.ts'
export { type Place, Queue } from './queue.ts'
export type { InputTensor, OutputTensor, RankHint, TensorOfShape } from './ranked.ts'
export { type ComparedTensor, type ReplayedCase, type ReplayReport, replayGoldens } from './replay.ts'
export { type BackendAttempt, formatReport, type LoadReport, type LoadStage, type VerifiedCase } from './report.ts'
export type { BackendChoice, BackendEntry } from './select.ts'
export type * from './signature.ts'
export type { ModelStream } from './stream.ts'
export { tagOf } from './tag-of.ts'
export {
  cloneTensor,
  type DType,
  type DTypeData,
  type Element,
  elementCount,
  makeTensor,
  reshape,
  type Tensor,
  type Tensors,
  tensor,
  zeros,
} from './tensor.ts'
