export { onnxWeb, onnxWeb as default } from './backend.ts'
export type { GraphOptimization, OnnxWebOptions, Provider, ProviderName, ProviderOptions } from './options.ts'
export type { OnnxWebRuntime, OnnxWebSession, RefusedProvider } from './session.ts'
