import type {
  CallOptions,
  Manifest,
  Model,
  Prediction,
  RawInput,
  RawInputs,
  Signature,
  Tensors,
} from '@tensorferry/core'

import type { ModelExample } from './model-example.ts'

/** Options of {@link ServedModel.infer}: `timeoutMs` counts the time in the queue too. */
export interface InferOptions extends CallOptions {
  /** Names of the outputs that are wanted; default: all. An unknown name is `INPUT_INVALID`. */
  readonly outputs?: readonly string[] | undefined
}

/** Options of {@link ServedModel.predict}. */
export interface PredictOptions extends CallOptions {
  /** The memory of `raw` is given away: it goes to the pipeline's thread without a copy, and must not be used again. Default false. */
  readonly giveMemory?: boolean | undefined
}

/** One loaded version of a model behind its queue. Every protocol (REST, gRPC, upload) reaches a model through this alone. */
export interface ServedModel {
  readonly name: string
  readonly version: string
  readonly signature: Signature
  /** Null for a bare model file. */
  readonly manifest: Manifest | null
  /** Names of the classes of a bundle whose task is a classification; else null. */
  readonly labels: readonly string[] | null
  readonly report: Model['report']
  /** Why every request runs by itself; null: requests are gathered. */
  readonly unbatched: string | null
  /**
   * Checks the inputs, waits its turn, runs (in a batch with others where the bundle allows it), and gives back this request's own rows.
   *
   * @throws TensorferryError `INPUT_INVALID`, `OVERLOADED` (the queue is full: `details.retryAfterSeconds`), `TIMED_OUT`, `ABORTED`,
   *   `SESSION_DISPOSED` (unloaded meanwhile), `RUNTIME_FAILED`
   */
  infer(inputs: Tensors, options?: InferOptions): Promise<Tensors>
  /** Raw input through the bundle's pipeline: preprocess, {@link ServedModel.infer}, postprocess. Throws as infer does. */
  predict(raw: RawInput | RawInputs, options?: PredictOptions): Promise<Prediction>
  /** Requests that it answers, from its goldens; looked for once. */
  example(): Promise<ModelExample>
  /** What was counted since the model was loaded. */
  statistics(): ModelStatistics
}

/** How often, and nanoseconds in all: the unit of the protocol's statistics extension. */
export interface Counted {
  readonly count: number
  readonly ns: number
}

/** Counts of one version of a model, as the protocol's statistics extension has them. */
export interface ModelStatistics {
  /** Requests that were answered, and their rows. */
  readonly inferenceCount: number
  /** Runs of the model; fewer than the requests where batches were made. */
  readonly executionCount: number
  /** Milliseconds since 1970 of the last request; 0: none yet. */
  readonly lastInference: number
  readonly success: Counted
  readonly fail: Counted
  readonly queue: Counted
  readonly computeInput: Counted
  readonly computeInfer: Counted
  readonly computeOutput: Counted
  /** By number of rows in a run. */
  readonly batches: readonly { readonly batchSize: number; readonly computeInfer: Counted }[]
}
