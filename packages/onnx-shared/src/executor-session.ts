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
import { disposedError, type Executor, type Run } from './executor.ts'

/** What a session takes and gives. */
export interface SessionSpecs {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly dims: Readonly<Record<string, DimSpec>>
}

/** What a session shows of itself. */
export interface SessionFacts<R extends RuntimeInfo> extends SessionSpecs {
  readonly runtime: R
}

/** Checks inputs, then runs them on the executor. */
export class ExecutorSession<R extends RuntimeInfo> implements Session {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly runtime: R
  readonly #signature: Pick<Signature, 'inputs' | 'dims'>
  readonly #executor: Executor
  #disposal: Promise<void> | null = null

  constructor(facts: SessionFacts<R>, executor: Executor) {
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
