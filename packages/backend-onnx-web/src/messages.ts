import type { ExternalData } from '@tensorferry/onnx-shared/model-bytes'
import type { ModelDescription } from '@tensorferry/onnx-shared/model-description'
import type { OrtOutput } from '@tensorferry/onnx-shared/ort-tensor'
import type { PackedInputs } from '@tensorferry/onnx-shared/packed-inputs'
import type { GraphOptimization, ProviderOptions } from './options.ts'

/** A model's bytes, which are transferred. */
export interface ModelBytes {
  readonly model: Uint8Array<ArrayBuffer>
  readonly externalData: readonly ExternalData[]
}

/** Addresses of ONNX Runtime's own two files. */
export interface RuntimeFiles {
  /** null: it is part of the worker's own. */
  readonly script: string | null
  readonly wasm: string
}

/** What one worker is to load; it never holds more than one model. */
export interface LoadRequest {
  readonly data: ModelBytes
  readonly runtime: RuntimeFiles
  readonly provider: ProviderOptions
  readonly threads: number
  readonly graphOptimization: GraphOptimization
  /** Names to compute; null: all of the model's. */
  readonly outputs: readonly string[] | null
}

/** What was thrown in a worker. It is put into words on the main thread, which has them loaded on demand. */
export interface RawError {
  readonly text: string
  /** Set where the SDK itself refuses: the text is for the caller as it is. */
  readonly isOurs: boolean
}

/** Main thread to worker. `start` names the lock that the worker holds as long as it lives. */
export type Request =
  | { readonly type: 'start'; readonly lock: string | null }
  | ({ readonly type: 'load' } & LoadRequest)
  | { readonly type: 'run'; readonly packed: PackedInputs }

/** Worker to main thread, one for each request, in their order. */
export type Reply =
  | { readonly type: 'started' }
  | { readonly type: 'loaded'; readonly description: ModelDescription }
  | { readonly type: 'outputs'; readonly outputs: Readonly<Record<string, OrtOutput>>; readonly buffer: ArrayBuffer }
  | {
      readonly type: 'failed'
      readonly error: RawError
      readonly buffer?: ArrayBuffer
      /** The runtime's memory is in disorder: the worker is of no more use. */
      readonly fatal: boolean
    }

/** What a worker answers to a request that goes well. */
export type ReplyTo<R extends Request> = Extract<
  Reply,
  { readonly type: { start: 'started'; load: 'loaded'; run: 'outputs' }[R['type']] }
>
