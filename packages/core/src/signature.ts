import type { DType } from './tensor.ts'

/** A size, a name, an expression over names bound by the inputs (`3*height`, `(height-1)//2 + 1`), or null: nothing known. */
export type Dim = number | string | null

/** What the model takes or gives under one name. */
export interface TensorSpec {
  readonly name: string
  /** null: the runtime does not say (TorchScript or AOTInductor without a bundle). */
  readonly dtype: DType | null
  /** null: rank not known. */
  readonly shape: readonly Dim[] | null
  /** How TorchScript receives it; a scalar travels as a tensor of shape []. Default 'tensor'. */
  readonly kind?: 'tensor' | 'int' | 'float' | 'bool' | 'str'
  /** One line for people: meaning, unit, range. */
  readonly doc?: string
}

/** An output that is the next run's input. Both are listed among inputs and outputs too. */
export interface StateSpec {
  readonly input: string
  readonly output: string
  readonly init: 'zeros'
}

/** Bounds of a named dim. */
export interface DimSpec {
  readonly min: number
  /** null: no bound. */
  readonly max: number | null
  readonly multiple_of?: number
  /** Axis 0 of every input and output, rows proven independent by the exporter: a server may batch along it. */
  readonly batch?: true
}

/** Order is the positional order of forward's arguments and of its flattened results: it binds formats that hold no names. */
export interface Signature {
  readonly dims: Readonly<Record<string, DimSpec>>
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly states: readonly StateSpec[]
}
