import type { RuntimeInfo, Session } from '@tensorferry/core'
import type { RefusedProvider } from '@tensorferry/onnx-shared/model-description'

export type { RefusedProvider } from '@tensorferry/onnx-shared/model-description'

/** {@link RuntimeInfo} with what is particular to this backend. */
export interface OnnxWebRuntime extends RuntimeInfo {
  /** Providers that were tried before the one that runs, and why each was passed over. */
  readonly refused: readonly RefusedProvider[]
  /** What could be better, and how: such as the headers that a page needs for threads. */
  readonly warnings: readonly string[]
}

/** A model in onnxruntime-web. */
export interface OnnxWebSession extends Session {
  readonly runtime: OnnxWebRuntime
}
