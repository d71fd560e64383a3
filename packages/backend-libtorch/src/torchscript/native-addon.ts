import type { DTypeData, Tensor } from '@tensorferry/core'

/** A type of TorchScript's as the addon describes it. */
export interface TypeSchema {
  readonly kind:
    | 'tensor'
    | 'int'
    | 'float'
    | 'bool'
    | 'str'
    | 'none'
    | 'number'
    | 'device'
    | 'any'
    | 'optional'
    | 'list'
    | 'dict'
    | 'tuple'
    | 'union'
    | 'unsupported'
  /** As Python writes it, such as `Dict[str, Tensor]`. */
  readonly text: string
  /** Element types: one of a list or optional, key and value of a dict, all of a tuple or union. */
  readonly items?: readonly TypeSchema[]
  /** Field names of a NamedTuple. */
  readonly fields?: readonly string[]
}

/** One parameter of a method. */
export interface ParameterSchema {
  readonly name: string
  readonly type: TypeSchema
  /** It has a default and may be left out. */
  readonly optional: boolean
}

/** A method that a model can be asked for. */
export interface MethodSchema {
  readonly name: string
  readonly parameters: readonly ParameterSchema[]
  readonly returns: TypeSchema
}

/** A buffer, parameter or constant of the model's top module. */
export interface AttributeSchema {
  readonly name: string
  readonly type: TypeSchema
}

/** What the addon says of a loaded file. */
export interface ModelDescription {
  readonly methods: readonly MethodSchema[]
  readonly attributes: readonly AttributeSchema[]
  /** A run changes what the next one computes. */
  readonly hasInnerState: boolean
  readonly writesInputs: boolean
}

/** Where the model is read from, and how it is prepared. */
interface NativeLoadOptions {
  readonly path?: string
  readonly bytes?: Uint8Array
  readonly device: string
  readonly freeze: boolean
  readonly optimize: boolean
  /** It may use more than operators on tensors. */
  readonly trusted: boolean
}

/** The addon's class: a model with native threads of its own. Its errors have a `kind`. */
export interface NativeModel {
  load(options: NativeLoadOptions): Promise<ModelDescription>
  /** Converts the arguments; the number is for `start` or `drop`. */
  prepare(method: string, args: readonly unknown[], copies: boolean): number
  start(worker: number, call: number): Promise<unknown>
  drop(call: number): void
  callSync(method: string, args: readonly unknown[]): unknown
  /** Memory for small tensors, see `exchange.ts`. */
  readonly exchange: ArrayBuffer
  /** `prepare` of forward with the tensors in the exchange. */
  prepareForward(): number
  /** forward with the tensors in the exchange; undefined: the results are there, else the value. */
  forwardSync(): unknown
  attribute(worker: number, name: string): Promise<unknown>
  reset(worker: number): Promise<unknown>
  /** Settles when the worker has done what it was sent before, and frees the model. */
  close(worker: number): Promise<unknown>
  /** Waits, on the caller's thread, for runs in progress, and ends the threads. */
  stop(): void
  /** `stop`, for so many milliseconds at most: whether the threads have ended. */
  stopWithin(milliseconds: number): boolean
  /** What is in progress no longer keeps the process alive. */
  leave(): void
}

/** `torchscript.node`. */
export interface NativeAddon {
  readonly NativeModel: new (
    threads: number,
    workers: number,
    makeTensor: (dtype: keyof DTypeData, data: never, shape: readonly number[]) => Tensor,
    sharesOutputs: boolean,
  ) => NativeModel
  /** Element types by their codes in the exchange. */
  readonly dtypes: readonly string[]
  readonly torchVersion: string
  readonly addonVersion: string
  /** Ends the process at once: nothing is torn down, as nothing may be under a thread that runs on. */
  endProcess(exitCode: number): void
  /** How many devices of each kind there are; -1: this libtorch was built without them. */
  devices(): { readonly cuda: number; readonly mps: number }
}
