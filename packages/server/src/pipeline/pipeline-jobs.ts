import type {
  PipelineContext,
  Prediction,
  Preprocessed,
  RawInput,
  RawInputs,
  SerializedError,
  Tensors,
} from '@tensorferry/core'

/** One input of `predict`, or an object of them by the names of the bundle's raw inputs. */
export type Raw = RawInput | RawInputs

/** Half of a pipeline, as it crosses to a worker. */
export type PipelineJob =
  | { readonly kind: 'preprocess'; readonly raw: Raw }
  | { readonly kind: 'postprocess'; readonly outputs: Tensors; readonly context: PipelineContext }

/** What each half gives. */
export interface PipelineResults {
  preprocess: Preprocessed
  postprocess: Prediction
}

/** From the server to a worker. */
export type PipelineMessage =
  /** `manifest`: the model's `bundle.json`, with the first job of it. */
  { readonly model: number; readonly manifest: string | null; readonly job: PipelineJob } | { readonly forget: number }

/** From a worker to the server: one for each job, in their order. */
export type PipelineAnswer =
  | { readonly result: PipelineResults[keyof PipelineResults] }
  | { readonly error: SerializedError }
