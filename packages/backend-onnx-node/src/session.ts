import type { RuntimeInfo, Session } from '@tensorferry/core'
import type { RefusedProvider } from '@tensorferry/onnx-shared/model-description'
import type { LoadedModel } from './messages.ts'
import type { ResolvedOptions } from './options.ts'

export type { RefusedProvider } from '@tensorferry/onnx-shared/model-description'

/** {@link RuntimeInfo} with what is particular to this backend. */
export interface OnnxNodeRuntime extends RuntimeInfo {
  readonly execution: 'worker' | 'inline'
  /** Copies of the model, which is how many runs can be in progress. */
  readonly replicas: number
  /** Providers that were tried before the one that runs, and why each was passed over. */
  readonly refused: readonly RefusedProvider[]
}

/** A model in onnxruntime-node. */
export interface OnnxNodeSession extends Session {
  readonly runtime: OnnxNodeRuntime
}

const DEVICES: Readonly<Record<string, string>> = { cpu: 'cpu', qnn: 'npu' }

/** Names what runs the model, for reports. */
export function describeRuntime(description: LoadedModel, options: ResolvedOptions): OnnxNodeRuntime {
  const { version, provider, refused } = description
  const { deviceId } = options.providers.find(({ name }) => name === provider)!
  const device = DEVICES[provider] ?? (deviceId === undefined ? 'gpu' : `gpu:${deviceId}`)
  const { threads, execution, replicas } = options
  return { name: 'onnxruntime-node', version, device, provider, threads, execution, replicas, refused }
}
