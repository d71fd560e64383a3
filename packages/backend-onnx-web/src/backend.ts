import type { Backend } from '@tensorferry/core'
import { host } from '#host'
import { backendOn } from './backend-on.ts'
import type { OnnxWebOptions } from './options.ts'
import type { OnnxWebSession } from './session.ts'

/**
 * Runs ONNX models with onnxruntime-web in a worker of their own, so that the page stays smooth: by WebAssembly in
 * browsers, Node, Bun and Deno; by WebGPU or WebNN in browsers that have them.
 *
 * @param options - see {@link OnnxWebOptions}; checked at once
 * @throws TensorferryError `OPTIONS_INVALID` naming the option and what is known
 *
 * @example
 * const model = await loadModel('/models/super-resolution/', { backend: onnxWeb({ provider: ['webgpu', 'wasm'] }) })
 */
export function onnxWeb(options: OnnxWebOptions = {}): Backend<OnnxWebSession> {
  return backendOn(host, options)
}
