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
import { disposedError, type Run, type RunQueue } from './run-queue.ts'
import type { RefusedProvider } from './shared.ts'

export type { RefusedProvider } from './shared.ts'

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

/** What a session shows of itself. */
export interface SessionFacts {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly dims: Readonly<Record<string, DimSpec>>
  readonly runtime: OnnxWebRuntime
}

/** Checks inputs, then runs them in the worker. */
export class QueueSession implements OnnxWebSession {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly runtime: OnnxWebRuntime
  readonly #signature: Pick<Signature, 'inputs' | 'dims'>
  readonly #queue: RunQueue
  #disposal: Promise<void> | null = null

  constructor(facts: SessionFacts, queue: RunQueue) {
    this.inputs = facts.inputs
    this.outputs = facts.outputs
    this.runtime = facts.runtime
    this.#signature = { inputs: facts.inputs, dims: facts.dims }
    this.#queue = queue
  }

  run(inputs: Tensors, options?: CallOptions): Promise<Tensors> {
    try {
      if (this.#disposal) throw disposedError()
      checkInputs(this.#signature, inputs)
      if (!options) return this.#queue.run(inputs).outputs
      let run: Run
      const start = (): Promise<Tensors> => {
        run = this.#queue.run(inputs)
        return run.outputs
      }
      return withCallOptions(options, start, () => run.cancel())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#queue.close()
    return this.#disposal
  }
}
