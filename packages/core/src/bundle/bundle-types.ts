import type { RawImage } from '../pipeline/raw-image.ts'
import type { Classification } from '../pipeline/steps/tensor/top-k.ts'
import type { Tensor, Tensors } from '../tensor.ts'

/** What TypeScript can know of a bundle. Every field is optional: what is missing is checked when it runs alone. */
export interface AnyBundle {
  readonly inputs?: Readonly<Record<string, Tensor>>
  readonly outputs?: Readonly<Record<string, Tensor>>
  readonly task?: string | null
  readonly labels?: string
}

/** Tensors that `run` takes. */
export type InputsOf<B extends AnyBundle> = B extends { inputs: infer I extends Tensors } ? I : Tensors
/** Tensors that `run` gives. */
export type OutputsOf<B extends AnyBundle> = B extends { outputs: infer O extends Tensors } ? O : Tensors
/** The class names, or any string. */
export type LabelOf<B extends AnyBundle> = B extends { labels: infer L extends string } ? L : string

/** What `predict` gives where the bundle's task is not known to TypeScript. */
export type Prediction<L extends string = string> = RawImage | readonly Classification<L>[] | Tensors

/** What `predict` gives, by the bundle's task. */
export type PredictionOf<B extends AnyBundle> = B extends { task: infer T extends string | null }
  ? T extends 'image-to-image'
    ? RawImage
    : T extends 'image-classification' | 'text-classification' | 'tabular-classification'
      ? readonly Classification<LabelOf<B>>[]
      : OutputsOf<B>
  : Prediction<LabelOf<B>>
