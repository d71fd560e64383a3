/** An input or output as ONNX Runtime describes it. */
export interface ValueDescription {
  readonly name: string
  /** ONNX Runtime's name of the element type; null: not a tensor (a sequence, map or optional). */
  readonly type: string | null
  /** Sizes, and names of those that vary. Empty for a scalar and where the rank is not known. */
  readonly shape: readonly (number | string)[]
}

/** A provider that was tried before the one that runs. */
export interface RefusedProvider {
  readonly provider: string
  readonly reason: string
}

/** What is known once a model is loaded. */
export interface ModelDescription {
  readonly version: string
  readonly provider: string
  readonly inputs: readonly ValueDescription[]
  readonly outputs: readonly ValueDescription[]
}
