import type { GenericSchema } from 'valibot'
import type { ImageCodecs } from './image-codecs.ts'
import type { RawImage } from './raw-image.ts'

export type { ImageCodecs }

/** What a step takes or gives: an encoded file (or pixels in its place), pixels, a float32 tensor, one of pixels, labels with scores. */
export type ValueKind = 'file' | 'image' | 'tensor' | 'uint8 tensor' | 'labels'

/** Names of the planes of a YCbCr image. */
export type PlaneName = 'Y' | 'Cb' | 'Cr'

/** What the steps of one prediction share; the postprocess half gets the context of the preprocess half. */
export interface StepContext {
  /** Decodes and encodes files. */
  readonly codecs: ImageCodecs
  /** The bundle's labels by class index, or null. */
  readonly labels: readonly string[] | null
  /** Size of the decoded image in pixels; null before `decode_image`. */
  originalSize: { readonly width: number; readonly height: number } | null
  /** Planes that `split_ycbcr` kept, mode L each. */
  keptPlanes: { readonly [name in PlaneName]?: RawImage }
}

/** A context for one prediction. */
export function createStepContext(codecs: ImageCodecs, labels: readonly string[] | null = null): StepContext {
  return { codecs, labels, originalSize: null, keptPlanes: {} }
}

/** One step of a pipeline: the schema of its entry in `bundle.json` and what it does. Each step's own type is narrower. */
export interface Step {
  readonly op: string
  /** Of the whole entry, `op` included; other keys are refused. */
  readonly schema: GenericSchema
  readonly takes: ValueKind
  readonly gives: ValueKind
  /** @param options - the entry, with its defaults filled in */
  run(value: never, options: never, context: StepContext): unknown
  /** As `run` on an image, all of which is read before anything is awaited; null where the loops are to be loaded first. */
  runAtOnce?(image: RawImage, options: never): RawImage | null
}
