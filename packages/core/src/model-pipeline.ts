import type { Prediction } from './bundle/bundle-types.ts'
import type { Manifest } from './bundle/manifest.ts'
import { TensorferryError } from './errors.ts'
import type { ImageCodecs } from './pipeline/image-codecs.ts'
import {
  type PlanRunOptions,
  type PostprocessPlan,
  type PreprocessPlan,
  planPostprocess,
  planPreprocess,
} from './pipeline/plan.ts'
import { createStepContext, type StepContext } from './pipeline/step.ts'
import type { ImageSource } from './pipeline/steps/image/decode-image.ts'
import { reshape, type Tensor, type Tensors } from './tensor.ts'

/** What `predict` takes: an encoded picture, one already decoded, or a tensor where the first step takes one. */
export type RawInput = ImageSource | Tensor<'float32'>

/** Several of them by the names of the bundle's raw inputs, and tensors by the names of the inputs that no steps make. */
export type RawInputs = Readonly<Record<string, RawInput | Tensor>>

/** What the second half of the pipeline needs of the first: the original size, the chroma planes. Plain data. */
export type PipelineContext = Pick<StepContext, 'originalSize' | 'keptPlanes'>

/** A bundle's two halves around the network. */
export interface ModelPipeline {
  /**
   * @param raw - the raw input; an object by name when there are several, or tensors that no step makes
   * @param options - told of each step, of all raw inputs in turn
   */
  preprocess(
    raw: unknown,
    codecs: ImageCodecs,
    options?: PlanRunOptions,
  ): Promise<{ inputs: Tensors; context: PipelineContext }>
  postprocess(
    outputs: Tensors,
    context: PipelineContext,
    codecs: ImageCodecs,
    options?: PlanRunOptions,
  ): Promise<Prediction>
}

/** The way of one raw input to an input. */
interface Before {
  readonly raw: string
  readonly plan: PreprocessPlan
  readonly input: string
}

/** The way of an output to a result. */
interface After {
  readonly output: string
  readonly plan: PostprocessPlan
  readonly to: string
}

const errors = () => import('./model-errors.ts')

async function inBundle<T>(plan: () => T): Promise<T> {
  try {
    return plan()
  } catch (error) {
    throw TensorferryError.is(error) ? (await errors()).wrongSteps(error) : error
  }
}

/** Each entry makes one tensor today; an entry with more ends would lose all but the first. */
async function requireOneEnd(names: readonly string[], of: string): Promise<string> {
  if (names.length === 1) return names[0]!
  throw (await errors()).notOneName(of, names)
}

/** Puts the batch axis in front when the input has one more dimension than what the steps made. */
function withBatchAxis(value: Tensor, rank: number | undefined): Tensor {
  return rank === value.shape.length + 1 ? reshape(value, [1, ...value.shape]) : value
}

/** Tasks whose `predict` gives labels. */
const GIVES_LABELS = /^(image|text|tabular)-classification$/

/** Compares what postprocess gives with what else the manifest says of it. */
async function checkEnds({ task, labels, outputs }: Manifest, after: readonly After[]): Promise<void> {
  // What TypeScript promises of it.
  const promised = task === 'image-to-image' ? 'image' : GIVES_LABELS.test(task ?? '') && 'labels'
  const given = after.length > 1 ? `${after.length} results` : (after[0]?.plan.gives ?? 'tensors')
  if (promised && promised !== given) throw (await errors()).otherResult(task!, promised, given)
  for (const { output, plan } of after) {
    const classes = outputs.find(({ name }) => name === output)?.shape.at(-1)
    if (plan.gives === 'labels' && labels && typeof classes === 'number' && classes !== labels.length) {
      throw (await errors()).otherLabels(labels.length, classes, output)
    }
  }
}

/**
 * Plans a bundle's pre- and postprocessing.
 *
 * @returns null when the bundle has neither
 * @throws TensorferryError `BUNDLE_INVALID` for steps that do not fit together
 */
export async function planPipeline(manifest: Manifest): Promise<ModelPipeline | null> {
  if (manifest.preprocess.length === 0 && manifest.postprocess.length === 0) return null
  const ranks = new Map(manifest.inputs.map((spec) => [spec.name, spec.shape.length]))
  const before: Before[] = []
  for (const { raw, steps, to } of manifest.preprocess) {
    const plan = await inBundle(() => planPreprocess(steps))
    before.push({ raw, plan, input: await requireOneEnd(to, 'preprocess.to') })
  }
  const after: After[] = []
  for (const { from, steps, to } of manifest.postprocess) {
    const plan = await inBundle(() => planPostprocess(steps))
    after.push({ to, plan, output: await requireOneEnd(from, 'postprocess.from') })
  }
  await checkEnds(manifest, after)
  const made = new Set([...before.map(({ input }) => input), ...manifest.states.map(({ input }) => input)])
  /** Inputs that no steps make: `predict` takes them as tensors. */
  const given = manifest.inputs.filter(({ name }) => !made.has(name)).map(({ name }) => name)

  return {
    async preprocess(raw, codecs, options) {
      const context = createStepContext(codecs, manifest.labels)
      const isAlone = before.length === 1 && given.length === 0
      const inputs = isAlone ? {} : (await import('./given-tensors.ts')).givenTensors(raw, before, given)
      for (const { raw: name, plan, input } of before) {
        const value = isAlone ? raw : (raw as Record<string, unknown>)[name]
        if (typeof value !== 'object' || !value || Array.isArray(value) || value instanceof Promise) {
          throw (await errors()).notRaw(name, value)
        }
        const made = await plan.run(value as RawInput, context, options)
        inputs[input] = withBatchAxis(made, ranks.get(input))
      }
      const { originalSize, keptPlanes } = context
      return { inputs, context: { originalSize, keptPlanes } }
    },
    async postprocess(outputs, context, codecs, options) {
      const results: Record<string, unknown> = {}
      for (const { to, plan, output } of after) {
        const value = outputs?.[output]
        if (!value) throw (await errors()).noOutput(output, outputs)
        results[to] = plan.run(value, { ...createStepContext(codecs, manifest.labels), ...context }, options)
      }
      if (after.length === 0) return outputs
      return (after.length === 1 ? results[after[0]!.to] : results) as Prediction
    },
  }
}
