import {
  type CallOptions,
  checkInputs,
  type DimSpec,
  type Signature,
  type Tensor,
  TensorferryError,
  type TensorSpec,
  type Tensors,
  withCallOptions,
} from '@tensorferry/core'
import { endsWithin } from '@tensorferry/core/node'
import { processGate } from './core-gate.ts'
import type { Engine, Results } from './engine.ts'
import { guard, unguard } from './exit-guard.ts'
import { mapCallError } from './map-error.ts'
import type { ResolvedOptions } from './options.ts'
import { disposedError, type Prepared, type Run, RunQueue } from './run-queue.ts'
import type { LibtorchRuntime, LibtorchSession } from './session.ts'
import type { Layout } from './torchscript/layout.ts'
import type { AttributeSchema, MethodSchema } from './torchscript/native-addon.ts'
import { TorchScriptEngine } from './torchscript/torchscript-engine.ts'
import type { Value } from './torchscript/value.ts'

/** What a session shows of itself. */
export interface SessionFacts {
  readonly inputs: readonly TensorSpec[]
  /** null: a bare file whose result's length is only known after a run. */
  readonly outputs: readonly TensorSpec[] | null
  readonly dims: Readonly<Record<string, DimSpec>>
  /** How the inputs of one call become arguments, of a bare file; it gives null when they are `inputs` as listed. */
  readonly layoutOf?: ((inputs: Tensors) => Layout | null) | null
  /** Refuses inputs for what the signature does not say. */
  readonly check?: ((inputs: Tensors) => void) | null
  readonly runtime: LibtorchRuntime
  readonly methods: readonly MethodSchema[]
  readonly attributes: readonly AttributeSchema[]
}

/** Checks inputs, then runs them on an engine. */
export class EngineSession implements LibtorchSession {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly runtime: LibtorchRuntime
  readonly methods: readonly MethodSchema[]
  readonly attributes: readonly AttributeSchema[]
  readonly reset?: (options?: CallOptions) => Promise<void>
  readonly #facts: SessionFacts
  readonly #signature: Pick<Signature, 'inputs' | 'dims'>
  readonly #engine: Engine
  readonly #queue: RunQueue
  readonly #disposeMs: number
  #disposal: Promise<void> | null = null

  constructor(facts: SessionFacts, engine: Engine, options: Pick<ResolvedOptions, 'waitForCores' | 'disposeMs'>) {
    this.inputs = facts.inputs
    this.outputs = facts.outputs ?? []
    this.runtime = facts.runtime
    this.methods = facts.methods
    this.attributes = facts.attributes
    this.#facts = facts
    this.#signature = { inputs: facts.inputs, dims: facts.dims }
    this.#engine = engine
    this.#queue = new RunQueue(engine.replicas, engine.threads, options.waitForCores ? processGate : null)
    this.#disposeMs = options.disposeMs
    if (engine.reset) this.reset = (options) => this.#submit(options, () => engine.reset!())
    guard(engine)
  }

  run(inputs: Tensors, options?: CallOptions): Promise<Tensors> {
    return this.#submit(options, () => {
      const prepared = this.#checked(inputs, (ordered, layout) => this.#engine.prepare(ordered, layout))
      return { start: async (replica) => this.#named(await prepared.start(replica)), drop: prepared.drop }
    })
  }

  runSync(inputs: Tensors): Tensors {
    if (this.#disposal) throw disposedError()
    return this.#named(this.#checked(inputs, (ordered, layout) => this.#engine.runSync(ordered, layout)))
  }

  call(method: string, ...args: readonly Value[]): Promise<Value> {
    return this.#submit(undefined, () => this.#torchscript().prepareCall(method, args))
  }

  callSync(method: string, ...args: readonly Value[]): Value {
    if (this.#disposal) throw disposedError()
    return this.#torchscript().callSync(method, args)
  }

  attribute(name: string): Promise<Value> {
    return this.#submit(undefined, () => this.#torchscript().prepareAttribute(name))
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose()
    return this.#disposal
  }

  async #dispose(): Promise<void> {
    const closed = this.#queue.close()
    if (this.#engine.leave && !(await endsWithin(closed, this.#disposeMs))) {
      this.#queue.leave(leftError(this.#disposeMs))
      this.#engine.leave()
      return
    }
    await closed
    await this.#engine.close()
    unguard(this.#engine)
  }

  #submit<T>(options: CallOptions | undefined, prepare: () => Prepared<T>): Promise<T> {
    try {
      if (this.#disposal) throw disposedError()
      if (!options) return this.#queue.submit(prepare()).result
      let run: Run<T>
      const start = (): Promise<T> => {
        run = this.#queue.submit(prepare())
        return run.result
      }
      return withCallOptions(options, start, () => run.cancel())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #checked<T>(inputs: Tensors, use: (ordered: Tensor[], layout?: Layout) => T): T {
    try {
      const layout = this.#facts.layoutOf?.(inputs)
      if (layout) {
        checkInputs({ inputs: layout.specs }, inputs)
        return use(inOrder(layout.specs, inputs), layout)
      }
      checkInputs(this.#signature, inputs)
      this.#facts.check?.(inputs)
      return use(inOrder(this.inputs, inputs))
    } catch (error) {
      // A getter of the caller's may throw anything.
      throw mapCallError(error)
    }
  }

  #torchscript(): TorchScriptEngine {
    if (this.#engine instanceof TorchScriptEngine) return this.#engine
    throw new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      'an AOTInductor model has one entry and no attributes; export TorchScript for call() and attribute()',
      { details: { format: this.runtime.format } },
    )
  }

  #named(results: Results): Tensors {
    if (!Array.isArray(results)) return results as Tensors
    const specs =
      this.#facts.outputs ?? results.map((_, index) => ({ name: `output${index}`, dtype: null, shape: null }))
    if (specs.length !== results.length) {
      throw new TensorferryError(
        'BUNDLE_INVALID',
        `the signature lists ${specs.length} outputs (${specs.map(({ name }) => name).join(', ')}), the model returned ${results.length}`,
        { details: { expected: specs.length, got: results.length } },
      )
    }
    const outputs: Record<string, Tensor> = {}
    specs.forEach((spec, index) => {
      const result = results[index]!
      if (spec.dtype !== null && spec.dtype !== result.dtype) throw wrongDtype(spec, result)
      outputs[spec.name] = result
    })
    return outputs
  }
}

function leftError(milliseconds: number): TensorferryError {
  return new TensorferryError(
    'SESSION_DISPOSED',
    `the session was disposed, and this run had not ended ${milliseconds} ms later (disposeMs): TorchScript cannot be interrupted, so its thread and the model's memory stay until it ends`,
    { details: { disposeMs: milliseconds } },
  )
}

function inOrder(specs: readonly TensorSpec[], inputs: Tensors): Tensor[] {
  return specs.map(({ name }) => inputs[name]!)
}

function wrongDtype({ name, dtype }: TensorSpec, result: Tensor): TensorferryError {
  return new TensorferryError(
    'BUNDLE_INVALID',
    `output ${JSON.stringify(name)} is ${result.dtype} in the model, ${dtype} in the signature`,
    { details: { output: name, expected: dtype, dtype: result.dtype } },
  )
}
