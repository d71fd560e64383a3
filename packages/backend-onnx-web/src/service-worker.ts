import type { Backend } from '@tensorferry/core'
import { OptionChecker } from '@tensorferry/onnx-shared/check-options'
import * as ort from 'onnxruntime-web/wasm'
import { backendOn } from './backend-on.ts'
import { inlineHost } from './host-inline.ts'
import { type OnnxWebOptions, OPTION_CHECKS } from './options.ts'
import type { OnnxWebSession } from './session.ts'

export type { GraphOptimization, OnnxWebOptions, Provider, ProviderName, ProviderOptions } from './options.ts'
export type { OnnxWebRuntime, OnnxWebSession, RefusedProvider } from './session.ts'

/** Options of {@link onnxServiceWorker}. */
export type OnnxServiceWorkerOptions = Pick<OnnxWebOptions, 'assets' | 'graphOptimization'>

const host = inlineHost(ort, (assets) => {
  if (assets === null) return new URL('./ort-wasm.wasm', import.meta.url).href
  return new URL('ort-wasm.wasm', new URL(assets, location.href)).href
})

const { assets, graphOptimization } = OPTION_CHECKS
const checker = new OptionChecker('onnxServiceWorker')

/**
 * The backend for a service worker, which may neither start workers nor import later on: all of its script is in this
 * module, and models run on the service worker's own thread, by WebAssembly with one thread.
 *
 * @param options - checked at once
 * @throws TensorferryError `OPTIONS_INVALID`
 */
export function onnxServiceWorker(options: OnnxServiceWorkerOptions = {}): Backend<OnnxWebSession> {
  checker.check('', options, { assets, graphOptimization })
  return backendOn(host, options)
}
