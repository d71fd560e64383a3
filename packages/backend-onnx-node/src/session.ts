import {
  type CallOptions,
  checkInputs,
  type DimSpec,
  type RuntimeInfo,
  type Session,
  type Signature,
  type TensorSpec,
  type Tensors,
  withCallOptions,
} from '@tensorferry/core'
import type { Executor, Run } from './executor.ts'
import type { ModelDescription, RefusedProvider } from './messages.ts'
import type { ResolvedOptions } from './options.ts'
import { disposedError } from './pool.ts'

export type { RefusedProvider } from './messages.ts'

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

/** What a session shows of itself. */
export interface SessionFacts {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly dims: Readonly<Record<string, DimSpec>>
  readonly runtime: OnnxNodeRuntime
}

const DEVICES: Readonly<Record<string, string>> = { cpu: 'cpu', qnn: 'npu' }

/** Names what runs the model, for reports. */
export function describeRuntime(description: ModelDescription, options: ResolvedOptions): OnnxNodeRuntime {
  const { version, provider, refused } = description
  const { deviceId } = options.providers.find(({ name }) => name === provider)!
  const device = DEVICES[provider] ?? (deviceId === undefined ? 'gpu' : `gpu:${deviceId}`)
  const { threads, execution, replicas } = options
  return { name: 'onnxruntime-node', version, device, provider, threads, execution, replicas, refused }
}

/** Checks inputs, then runs them on the executor. */
export class ExecutorSession implements OnnxNodeSession {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly runtime: OnnxNodeRuntime
  readonly #signature: Pick<Signature, 'inputs' | 'dims'>
  readonly #executor: Executor
  #disposal: Promise<void> | null = null

  constructor(facts: SessionFacts, executor: Executor) {
    this.inputs = facts.inputs
    this.outputs = facts.outputs
    this.runtime = facts.runtime
    this.#signature = { inputs: facts.inputs, dims: facts.dims }
    this.#executor = executor
  }

  run(inputs: Tensors, options?: CallOptions): Promise<Tensors> {
    try {
      if (this.#disposal) throw disposedError()
      checkInputs(this.#signature, inputs)
      if (!options) return this.#executor.run(inputs).outputs
      let run: Run
      const start = (): Promise<Tensors> => {
        run = this.#executor.run(inputs)
        return run.outputs
      }
      return withCallOptions(options, start, () => run.cancel())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#executor.close()
    return this.#disposal
  }
}
