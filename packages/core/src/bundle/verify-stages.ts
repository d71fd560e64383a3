import type { LoadOptions } from '../backend.ts'
import { TensorferryError } from '../errors.ts'
import type { ModelPipeline, PipelineContext } from '../model-pipeline.ts'
import type { ImageCodecs } from '../pipeline/image-codecs.ts'
import type { RawImage } from '../pipeline/raw-image.ts'
import type { Tensor, Tensors } from '../tensor.ts'
import type { GoldenCase, Tolerance } from './manifest.ts'
import type { OpenModel } from './open.ts'

const NO_CONTEXT: PipelineContext = { originalSize: null, keptPlanes: {} }
const EXACT: Tolerance = { atol: 0, rtol: 0 }
/** Scores come through `exp`, which no two languages round alike. */
const SCORES: Tolerance = { atol: 1e-6, rtol: 1e-5 }

/** Compares what a stage gave with its golden; rejects with `VERIFICATION_FAILED`. */
export type CompareStage = (
  stage: string,
  name: string,
  got: Tensor | undefined,
  expected: Tensor,
  allowed: Tolerance,
) => Promise<void>

interface StagedCase {
  readonly model: OpenModel
  readonly pipeline: ModelPipeline
  readonly codecs: ImageCodecs
  readonly golden: GoldenCase
  /** The case's tensors whose names begin so, by the rest of their names. */
  group(prefix: string): Readonly<Record<string, Tensor>>
  readonly compare: CompareStage
}

/**
 * Replays the stages around the network. Each begins from PyTorch's own result of the stage before: a failure names the
 * stage that is wrong.
 *
 * @returns why it was skipped, or null
 */
export async function replayStages(staged: StagedCase, options: LoadOptions): Promise<string | null> {
  const { pipeline, codecs, golden, group, compare } = staged
  try {
    const context = golden.raw || golden.raws ? await replayPreprocess(staged, options) : NO_CONTEXT
    const result = resultTensors(await pipeline.postprocess(group('outputs.'), context, codecs))
    for (const [name, value] of Object.entries(group('result'))) {
      await compare('result', `result${name}`, result[name], value, name === '.scores' ? SCORES : EXACT)
    }
  } catch (error) {
    if (!TensorferryError.is(error, 'DEPENDENCY_MISSING')) throw error
    return `its picture was not decoded: ${error.message}`
  }
  return null
}

/** Both halves of a case with pictures: what the second half needs of the first. */
async function replayPreprocess(
  { model, pipeline, codecs, golden, group, compare }: StagedCase,
  options: LoadOptions,
): Promise<PipelineContext> {
  const inputs = group('inputs.')
  const pictures = Object.entries(golden.raws ?? {})
  const raw: Record<string, unknown> = {}
  // Tensors that no step makes are the case's own.
  const made = new Set(model.manifest!.preprocess.flatMap(({ to }) => to))
  for (const [name, value] of Object.entries(inputs)) if (!made.has(name)) raw[name] = value
  for (const [name, file] of pictures) raw[name] = await model.read(file, options)
  const decoded: Tensor[] = []
  const preparing = pipeline.preprocess(golden.raw ? await model.read(golden.raw, options) : raw, codecs, {
    onStep: ({ op, value }) => {
      if (op === 'decode_image') decoded.push(pixelTensor(value as RawImage))
    },
  })
  await preparing.catch(() => undefined)
  const expected = group('decoded')
  const names = golden.raw ? [''] : model.manifest!.preprocess.map(({ raw: name }) => `.${name}`)
  // First: steps that failed may have failed on them.
  for (const [index, name] of names.entries()) {
    const [got, wanted] = [decoded[index], expected[name]]
    if (got && wanted) await compare('decoded', `the decoded picture${name.replace('.', ' ')}`, got, wanted, EXACT)
  }
  const prepared = await preparing
  for (const [name, value] of Object.entries(inputs))
    await compare('inputs', `input ${name}`, prepared.inputs[name], value, EXACT)
  return prepared.context
}

/** uint8 [height, width, channels] */
function pixelTensor({ data, height, width }: RawImage): Tensor<'uint8'> {
  return { dtype: 'uint8', shape: [height, width, data.length / (height * width)], data }
}

/** A prediction as the goldens store it: `result` for a picture, `result.indices` and `result.scores` for labels. */
function resultTensors(result: unknown): Record<string, Tensor> {
  if (Array.isArray(result)) {
    const indices = BigInt64Array.from(result, ({ index }) => BigInt(index))
    const scores = Float32Array.from(result, ({ score }) => score)
    return {
      '.indices': { dtype: 'int64', shape: [indices.length], data: indices },
      '.scores': { dtype: 'float32', shape: [scores.length], data: scores },
    }
  }
  const image = result as Partial<RawImage>
  if (image.data && image.width && image.height) return { '': pixelTensor(image as RawImage) }
  return Object.fromEntries(Object.entries(result as Tensors).map(([name, value]) => [`.${name}`, value]))
}
