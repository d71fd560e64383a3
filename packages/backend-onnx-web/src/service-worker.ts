import type { Backend } from '@tensorferry/core'
import * as ort from 'onnxruntime-web/wasm'
import { backendOn } from './backend-on.ts'
import { inlineHost } from './host-inline.ts'
import type { OnnxWebOptions } from './options.ts'
import type { OnnxWebSession } from './session.ts'

export type { GraphOptimization, OnnxWebOptions, Provider, ProviderName, ProviderOptions } from './options.ts'
export type { OnnxWebRuntime, OnnxWebSession, RefusedProvider } from './session.ts'

/** Options of {@link onnxServiceWorker}. */
export type OnnxServiceWorkerOptions = Pick<OnnxWebOptions, 'assets' | 'graphOptimization'>

const host = inlineHost(ort, (assets) => {
  if (assets === null) return new URL('./ort-wasm.wasm', import.meta.url).href
  return new URL('ort-wasm.wasm', new URL(assets.endsWith('/') ? assets : `${assets}/`, location.href)).href
})

/**
 * The backend for a service worker, which may neither start workers nor import later on: all of its script is in this
 * module, and models run on the service worker's own thread, by WebAssembly with one thread.
 *
 * @param options - checked at once
 * @throws TensorferryError `OPTIONS_INVALID`
 */
export function onnxServiceWorker(options: OnnxServiceWorkerOptions = {}): Backend<OnnxWebSession> {
  return backendOn(host, options)
}
