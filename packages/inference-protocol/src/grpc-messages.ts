/** 64 bits do not fit a number: they arrive as decimal text, and may be given as either. */
export type Int64 = string | number

/** Value of a parameter. */
export interface InferParameter {
  readonly bool_param?: boolean
  readonly int64_param?: Int64
  readonly string_param?: string
  readonly double_param?: number
  readonly uint64_param?: Int64
}
/** Parameters by name. */
export type InferParameters = Readonly<Record<string, InferParameter>>

/** Elements in a field by type; the others are empty. */
export interface InferTensorContents {
  readonly bool_contents?: readonly boolean[]
  readonly int_contents?: readonly number[]
  readonly int64_contents?: readonly Int64[]
  readonly uint_contents?: readonly number[]
  readonly uint64_contents?: readonly Int64[]
  readonly fp32_contents?: readonly number[]
  readonly fp64_contents?: readonly number[]
  readonly bytes_contents?: readonly Uint8Array[]
}

/** An input of a request or an output of a response. */
export interface InferTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly Int64[]
  readonly parameters?: InferParameters
  readonly contents?: InferTensorContents | null
}

/** Request of `ModelInfer`. */
export interface ModelInferRequest {
  readonly model_name: string
  readonly model_version: string
  readonly id: string
  readonly parameters: InferParameters
  readonly inputs: readonly InferTensor[]
  readonly outputs: readonly { readonly name: string; readonly parameters: InferParameters }[]
  readonly raw_input_contents: readonly Uint8Array[]
}

/** Response of `ModelInfer`. */
export interface ModelInferResponse {
  readonly model_name: string
  readonly model_version: string
  readonly id: string
  readonly parameters: InferParameters
  readonly outputs: readonly InferTensor[]
  readonly raw_output_contents: readonly Uint8Array[]
}

/** A model, and its version or nothing. */
export interface ModelRequest {
  readonly name: string
  readonly version: string
}

/** What metadata say of an input or output. */
export interface TensorMetadata {
  readonly name: string
  readonly datatype: string
  /** -1: any size. */
  readonly shape: readonly Int64[]
  readonly parameters?: InferParameters
}

/** Response of `ModelMetadata`. */
export interface ModelMetadataResponse {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

/** Response of `ServerMetadata`. */
export interface ServerMetadataResponse {
  readonly name: string
  readonly version: string
  readonly extensions: readonly string[]
}

/** Request of `RepositoryModelLoad` and `RepositoryModelUnload`. */
export interface RepositoryModelRequest {
  readonly repository_name: string
  readonly model_name: string
  readonly parameters: Readonly<Record<string, unknown>>
}
