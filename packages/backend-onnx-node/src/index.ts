export { onnxNode, onnxNode as default } from './backend.ts'
export type {
  GraphOptimization,
  OnnxNodeOptions,
  Provider,
  ProviderName,
  ProviderOptions,
  SessionOptions,
} from './options.ts'
export type { OnnxNodeRuntime, OnnxNodeSession, RefusedProvider } from './session.ts'
