import type { Prediction } from './bundle/bundle-types.ts'
import type { Manifest } from './bundle/manifest.ts'
import { TensorferryError } from './errors.ts'
import { planPostprocess, type planPreprocess } from './pipeline/plan.ts'
import type { ImageCodecs, StepContext } from './pipeline/step.ts'
import { reshape, type Tensor, type Tensors } from './tensor.ts'

/** What `predict` takes: an encoded picture, or one already decoded. */
export type RawInput = Parameters<ReturnType<typeof planPreprocess>['run']>[0]

/** What the second half of the pipeline needs of the first. */
export type PipelineContext = StepContext

/** A bundle's two halves around the network. */
export interface ModelPipeline {
  /**
   * @param onDecoded - told the decoded picture, uint8 [height, width, channels]
   */
  preprocess(
    raw: unknown,
    codecs: ImageCodecs,
    onDecoded?: (image: Tensor<'uint8'>) => void,
  ): Promise<{ inputs: Tensors; context: PipelineContext }>
  postprocess(outputs: Tensors, context: PipelineContext): Promise<Prediction>
}
