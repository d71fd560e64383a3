export type * from './backend.ts'
export { readSafetensors } from './bundle/safetensors.ts'
export { throwIfAborted, withCallOptions } from './call.ts'
export { type CheckedSignature, checkInputs } from './check-inputs.ts'
export { DTYPE_NAMES } from './dtype.ts'
export { ERRORS, type ErrorCode, type SerializedError, TensorferryError } from './errors.ts'
export { type ByteSource, sourceFromBlob, sourceFromBytes } from './format/byte-source.ts'
export { detectFormat } from './format/detect.ts'
export { type OnnxSummary, readOnnxSummary } from './format/onnx.ts'
export { bfloat16FromFloat32, float16FromFloat32, float32FromBfloat16, float32FromFloat16 } from './half.ts'
export { fromNested, type Nested, toNested } from './nested.ts'
export { formatTensor } from './print.ts'
export type * from './signature.ts'
export {
  cloneTensor,
  type DType,
  type DTypeData,
  type Element,
  elementCount,
  reshape,
  type Tensor,
  type Tensors,
  tensor,
  zeros,
} from './tensor.ts'
