// What every backend that reads ONNX has in common lies with the first of them; with `map-error.ts` and
// `refuse-model.ts`, which are loaded on demand, the one seam between the two packages.
export type { ModelDescription, PackedInputs, RefusedProvider } from '../../backend-onnx-node/src/messages.ts'
export {
  dtypeOf,
  type OrtOutput,
  type OrtTensor,
  specOf,
  tensorsFromOutputs,
  unpackInputs,
} from '../../backend-onnx-node/src/ort-tensor.ts'
export { packInputs } from '../../backend-onnx-node/src/pack-inputs.ts'
export { RunBuffers } from '../../backend-onnx-node/src/run-buffers.ts'
