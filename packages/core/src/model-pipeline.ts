import type { Prediction } from './bundle/bundle-types.ts'
import type { Manifest } from './bundle/manifest.ts'
import { TensorferryError } from './errors.ts'
import type { ImageCodecs } from './pipeline/image-codecs.ts'
import { planPostprocess, planPreprocess } from './pipeline/plan.ts'
import { createStepContext, type StepContext } from './pipeline/step.ts'
import type { ImageSource } from './pipeline/steps/image/decode-image.ts'
import { makeTensor, reshape, type Tensor, type Tensors } from './tensor.ts'

/** What `predict` takes: an encoded picture, one already decoded, or a tensor where the first step takes one. */
export type RawInput = ImageSource | Tensor<'float32'>

/** What the second half of the pipeline needs of the first: the original size, the chroma planes. Plain data. */
export type PipelineContext = Pick<StepContext, 'originalSize' | 'keptPlanes'>

/** A bundle's two halves around the network. */
export interface ModelPipeline {
  /**
   * @param raw - the raw input, or an object of them when there are several
   * @param onDecoded - told the decoded picture, uint8 [height, width, channels]
   */
  preprocess(
    raw: unknown,
    codecs: ImageCodecs,
    onDecoded?: (image: Tensor<'uint8'>) => void,
  ): Promise<{ inputs: Tensors; context: PipelineContext }>
  postprocess(outputs: Tensors, context: PipelineContext, codecs: ImageCodecs): Prediction
}

type Preprocess = Manifest['preprocess'][number]
type Postprocess = Manifest['postprocess'][number]

function inBundle<T>(plan: () => T): T {
  try {
    return plan()
  } catch (error) {
    if (!TensorferryError.is(error)) throw error
    throw new TensorferryError('BUNDLE_INVALID', `bundle.json: ${error.message}`, {
      details: { ...error.details },
      cause: error,
    })
  }
}

/** Each entry makes one tensor today; an entry with more ends would lose all but the first. */
function requireOneEnd(names: readonly string[], of: string): string {
  if (names.length === 1) return names[0]!
  throw new TensorferryError('BUNDLE_INVALID', `bundle.json: ${of}: expected one name, got ${names.join(', ')}`)
}

/** Puts the batch axis in front when the input has one more dimension than what the steps made. */
function withBatchAxis(value: Tensor<'float32'>, rank: number | undefined): Tensor {
  return rank === value.shape.length + 1 ? reshape(value, [1, ...value.shape]) : value
}

/** What TypeScript promises of a task's `predict`. */
const TASK_GIVES: Readonly<Record<string, string>> = { 'image-to-image': 'image', 'image-classification': 'labels' }

/** Compares what postprocess gives with what else the manifest says of it. */
function checkEnds(
  { task, labels, outputs }: Manifest,
  after: readonly { readonly output: string; readonly gives: string }[],
): void {
  const fail = (reason: string): never => {
    throw new TensorferryError('BUNDLE_INVALID', `bundle.json: ${reason}`)
  }
  const promised = TASK_GIVES[task ?? '']
  const given = after.length > 1 ? `${after.length} results` : (after[0]?.gives ?? 'tensors')
  if (promised && promised !== given) fail(`task ${task} promises ${promised}, its postprocess gives ${given}`)
  for (const { output, gives } of after) {
    const classes = outputs.find(({ name }) => name === output)?.shape.at(-1)
    if (gives === 'labels' && labels && typeof classes === 'number' && classes !== labels.length) {
      fail(`labels: ${labels.length} names for ${classes} classes, the last dim of output ${output}`)
    }
  }
}

/**
 * Plans a bundle's pre- and postprocessing.
 *
 * @returns null when the bundle has neither
 * @throws TensorferryError `BUNDLE_INVALID` for steps that do not fit together
 */
export function planPipeline(manifest: Manifest): ModelPipeline | null {
  if (manifest.preprocess.length === 0 && manifest.postprocess.length === 0) return null
  const ranks = new Map(manifest.inputs.map((spec) => [spec.name, spec.shape.length]))
  const before = manifest.preprocess.map(({ raw, steps, to }: Preprocess) => ({
    raw,
    plan: inBundle(() => planPreprocess(steps)),
    input: requireOneEnd(to, 'preprocess.to'),
  }))
  const after = manifest.postprocess.map(({ from, steps, to }: Postprocess) => ({
    to,
    plan: inBundle(() => planPostprocess(steps)),
    output: requireOneEnd(from, 'postprocess.from'),
  }))
  checkEnds(
    manifest,
    after.map(({ output, plan }) => ({ output, gives: plan.gives })),
  )
  const made = new Set([...before.map(({ input }) => input), ...manifest.states.map(({ input }) => input)])
  const missing = manifest.inputs.filter(({ name }) => !made.has(name)).map(({ name }) => name)

  return {
    async preprocess(raw, codecs, onDecoded) {
      if (missing.length > 0) {
        throw new TensorferryError(
          'OPTIONS_INVALID',
          `this bundle has no steps that make ${missing.join(', ')}; use run with tensors`,
          { details: { missing } },
        )
      }
      const context = createStepContext(codecs, manifest.labels)
      const inputs: Record<string, Tensor> = {}
      for (const { raw: name, plan, input } of before) {
        const value = before.length === 1 ? raw : (raw as Record<string, unknown> | null)?.[name]
        if (value === undefined || value === null || typeof value === 'string' || value instanceof Promise) {
          throw (await import('./model-errors.ts')).notRaw(name, value)
        }
        const made = await plan.run(value as RawInput, context, {
          onStage: (_, { data, height, width }) =>
            onDecoded?.(makeTensor('uint8', data, [height, width, data.length / (height * width)])),
        })
        inputs[input] = withBatchAxis(made, ranks.get(input))
      }
      const { originalSize, keptPlanes } = context
      return { inputs, context: { originalSize, keptPlanes } }
    },
    postprocess(outputs, context, codecs) {
      const results: Record<string, unknown> = {}
      for (const { to, plan, output } of after) {
        const value = outputs?.[output]
        if (!value) {
          throw new TensorferryError(
            'INPUT_INVALID',
            `postprocess: expected output ${output}, got ${Object.keys(outputs ?? {}).join(', ') || 'nothing'}`,
          )
        }
        results[to] = plan.run(value, { ...createStepContext(codecs, manifest.labels), ...context })
      }
      if (after.length === 0) return outputs
      return (after.length === 1 ? results[after[0]!.to] : results) as Prediction
    },
  }
}
