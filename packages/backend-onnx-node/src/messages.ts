import type { DType, SerializedError } from '@tensorferry/core'
import type { ResolvedOptions } from './options.ts'
import type { OrtOutput } from './ort-tensor.ts'

/** A model as the thread that loads it receives it; bytes are transferred. */
export interface ModelData {
  /** Absolute path, or the whole file. */
  readonly model: string | Uint8Array<ArrayBuffer>
  /** External data that was given as bytes; with a path, ONNX Runtime reads the files beside the model. */
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array<ArrayBuffer> }[]
}

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

/** What is known once the model is loaded. */
export interface ModelDescription {
  readonly version: string
  readonly provider: string
  readonly refused: readonly RefusedProvider[]
  readonly inputs: readonly ValueDescription[]
  readonly outputs: readonly ValueDescription[]
}

/** One input of a run: where its elements lie in the run's buffer, or the strings themselves. */
export interface PackedInput {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: number | readonly string[]
}

/** All inputs of a run, copied into one buffer that moves to the worker and comes back for the next run. */
export interface PackedInputs {
  readonly buffer: ArrayBuffer
  readonly inputs: readonly PackedInput[]
}

/** Main thread to worker. `probe` only loads the runtime. */
export type Request =
  | { readonly type: 'probe' }
  | {
      readonly type: 'load'
      readonly data: ModelData
      readonly options: ResolvedOptions
      readonly outputs: readonly string[] | null
    }
  | { readonly type: 'run'; readonly id: number; readonly packed: PackedInputs }
  | { readonly type: 'close' }

/** Worker to main thread, one for each request, in their order. */
export type Reply =
  | { readonly type: 'loaded'; readonly description: ModelDescription }
  | { readonly type: 'outputs'; readonly outputs: Readonly<Record<string, OrtOutput>>; readonly buffer: ArrayBuffer }
  | { readonly type: 'skipped'; readonly buffer: ArrayBuffer }
  | { readonly type: 'failed'; readonly error: SerializedError; readonly buffer?: ArrayBuffer }
  | { readonly type: 'closed' }
