import type { SerializedError } from '@tensorferry/core'
import type { ExternalData } from '@tensorferry/onnx-shared/model-bytes'
import type { ModelDescription, RefusedProvider } from '@tensorferry/onnx-shared/model-description'
import type { OrtOutput } from '@tensorferry/onnx-shared/ort-tensor'
import type { PackedInputs } from '@tensorferry/onnx-shared/packed-inputs'
import type { ResolvedOptions } from './options.ts'

/** A model as the thread that loads it receives it; bytes are transferred. */
export interface ModelData {
  /** Absolute path, or the whole file. */
  readonly model: string | Uint8Array<ArrayBuffer>
  /** External data that was given as bytes; with a path, ONNX Runtime reads the files beside the model. */
  readonly externalData: readonly ExternalData[]
}

/** A model, and what was tried before the provider that runs it. */
export interface LoadedModel extends ModelDescription {
  readonly refused: readonly RefusedProvider[]
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
  | { readonly type: 'loaded'; readonly description: LoadedModel }
  | { readonly type: 'outputs'; readonly outputs: Readonly<Record<string, OrtOutput>>; readonly buffer: ArrayBuffer }
  | { readonly type: 'skipped'; readonly buffer: ArrayBuffer }
  | { readonly type: 'failed'; readonly error: SerializedError; readonly buffer?: ArrayBuffer }
  | { readonly type: 'closed' }
