import type { BackendFeatures } from '@tensorferry/core/testing'

/** A server holds the models; the dtypes are those of ONNX Runtime behind it. */
export const features: BackendFeatures = {
  offThread: true,
  readsFiles: false,
  dtypes: ['float64', 'float32', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool', 'string'],
}
