import type { CallOptions, RuntimeInfo, Session, Tensors } from '@tensorferry/core'
import type { FoundLibtorch } from './found-libtorch.ts'
import type { AttributeSchema, MethodSchema } from './torchscript/native-addon.ts'
import type { Value } from './torchscript/value.ts'

/** Runs with zeros that a session made at load, so that the caller's first run is as fast as the others. */
export interface Warmup {
  /** Milliseconds of each run. */
  readonly milliseconds: readonly number[]
  /** Why there were none; null: as many as asked for. */
  readonly skipped: string | null
}

/** {@link RuntimeInfo} with what is particular to this backend. */
export interface LibtorchRuntime extends RuntimeInfo {
  readonly format: 'torchscript' | 'aot-inductor'
  /** Runs that may be in progress, each on a native thread of its own. */
  readonly replicas: number
  readonly libtorch: FoundLibtorch
  readonly frozen: boolean
  readonly optimizedForInference: boolean
  readonly warmup: Warmup
}

/**
 * A model in libtorch. Without a signature, `run` takes the parts of tuples, lists and dicts under names such as `state.0`,
 * `images.1` and `inputs.a`, `inputs` lists those that are always there, and defaults may be left out. Where `run` cannot
 * pass what `forward` takes it rejects with `BACKEND_INCOMPATIBLE`, and {@link LibtorchSession.call} takes it.
 */
export interface LibtorchSession extends Session {
  readonly runtime: LibtorchRuntime
  /** Methods that {@link LibtorchSession.call} takes, with their schemas; none for AOTInductor. */
  readonly methods: readonly MethodSchema[]
  /** Attributes of the top module; those of submodules have dotted names and are not listed. */
  readonly attributes: readonly AttributeSchema[]
  /**
   * Runs the model on the caller's time, for models that take microseconds. It does not wait its turn: of a model with
   * inner state it waits for the run in progress.
   *
   * @throws TensorferryError as {@link Session.run} rejects
   */
  runSync(inputs: Tensors): Tensors
  /**
   * Calls a method with arguments of its schema's types; those with defaults may be left out, or be undefined.
   *
   * @throws TensorferryError `NOT_FOUND` for an unknown method, `INPUT_INVALID` naming the argument, `RUNTIME_FAILED`
   *   with the model's own trace, `BACKEND_INCOMPATIBLE` for a type without a form in JavaScript, or for AOTInductor
   */
  call(method: string, ...args: readonly Value[]): Promise<Value>
  /** {@link LibtorchSession.call} on the caller's time. */
  callSync(method: string, ...args: readonly Value[]): Value
  /**
   * A copy of a buffer, parameter or constant: `weight`, or `encoder.layer.weight` in a submodule.
   *
   * @throws TensorferryError `NOT_FOUND`; freezing takes attributes away
   */
  attribute(name: string): Promise<Value>
  /** Present when the model remembers: its buffers and attributes are what the file holds again. */
  reset?(options?: CallOptions): Promise<void>
}
