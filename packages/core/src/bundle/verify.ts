import { platform } from '#platform'
import type { LoadOptions, Session } from '../backend.ts'
import { throwIfAborted } from '../call.ts'
import type { ModelPipeline } from '../model-pipeline.ts'
import type { ComparedTensor } from '../replay.ts'
import type { VerifiedCase } from '../report.ts'
import { loadStreams } from '../stream-parts.ts'
import type { Tensor, Tensors } from '../tensor.ts'
import { compareTensors, DEFAULT_TOLERANCE } from './compare.ts'
import type { GoldenCase, Manifest } from './manifest.ts'
import type { OpenArtifact, OpenModel } from './open.ts'
import type { CompareStage } from './verify-stages.ts'

const errors = () => import('./verify-errors.ts')

/** What one replay needs. */
export interface VerifyRequest {
  readonly model: OpenModel
  readonly session: Session
  readonly artifact: OpenArtifact | null
  readonly pipeline: ModelPipeline | null
  /** `smoke`: the first case alone. */
  readonly mode: 'smoke' | 'full'
  /** Told of each comparison in place of the error at the first one that fails. */
  readonly onCompared?: (compared: ComparedTensor) => void
}

/**
 * Replays the bundle's goldens and compares every stage with what PyTorch and Pillow gave.
 *
 * @throws TensorferryError `VERIFICATION_FAILED` naming case, stage, tensor, the largest difference and the tolerance
 */
export async function verifyGoldens(request: VerifyRequest, options: LoadOptions): Promise<readonly VerifiedCase[]> {
  const { model, mode } = request
  const goldens = model.manifest!.goldens!
  const cases = mode === 'smoke' ? goldens.cases.slice(0, 1) : goldens.cases
  const tensors = await model.goldens(options)
  const verified: VerifiedCase[] = []
  for (const golden of cases) {
    throwIfAborted(options)
    options.onProgress?.({ phase: 'warmup', loaded: verified.length, total: cases.length })
    verified.push(await verifyCase(request, model.manifest!, golden, tensors, options))
  }
  options.onProgress?.({ phase: 'warmup', loaded: cases.length, total: cases.length })
  return verified
}

/** Replays one case. */
export async function verifyCase(
  { model, session, artifact, pipeline, onCompared }: VerifyRequest,
  manifest: Manifest,
  golden: GoldenCase,
  tensors: ReadonlyMap<string, Tensor>,
  options: LoadOptions,
): Promise<VerifiedCase> {
  const precision = artifact?.precision ?? 'float32'
  const tolerance =
    manifest.goldens!.tolerance[precision] ?? DEFAULT_TOLERANCE[precision as 'float32'] ?? DEFAULT_TOLERANCE.float32!
  const stages: Record<string, number> = {}
  const compare: CompareStage = async (stage, name, got, expected, allowed) => {
    const difference = got ? compareTensors(got, expected, allowed) : null
    if (difference) stages[stage] = Math.max(stages[stage] ?? 0, difference.maxAbs)
    const passed = difference?.outside === 0 && difference.mismatch === null
    onCompared?.({ stage, tensor: name, expected, got: got ?? null, tolerance: allowed, difference, passed })
    if (passed || onCompared) return
    const { runtime } = session
    const failed = { runtime, golden: golden.name, stage, tensor: name, difference, allowed }
    throw (await errors()).verificationFailed(failed)
  }
  const group = (prefix: string): Record<string, Tensor> => {
    const start = `${golden.name}/${prefix}`
    const found = [...tensors].filter(([key]) => key.startsWith(start))
    return Object.fromEntries(found.map(([key, value]) => [key.slice(start.length), value]))
  }
  const replay = async (prefix: string, run: () => Promise<Tensors>): Promise<void> => {
    const expected = Object.entries(group(`${prefix}outputs.`))
    if (expected.length === 0) throw (await errors()).noGoldenTensor(golden.name, `${prefix}outputs.`)
    const outputs = await run()
    for (const [name, value] of expected) await compare('outputs', `output ${name}`, outputs[name], value, tolerance)
  }

  if (golden.steps !== undefined) {
    const stream = (await loadStreams())(session, model.signature!)
    await (await import('./verify-steps.ts')).replaySteps(stream, manifest, golden.steps, group, replay, options)
    return { name: golden.name, stages, skipped: null }
  }

  await replay('', () => session.run(group('inputs.'), { signal: options.signal }))
  if (!(golden.raw ?? golden.stages) || !pipeline) return { name: golden.name, stages, skipped: null }

  const { replayStages } = await import('./verify-stages.ts')
  const staged = { model, pipeline, codecs: platform.codecs, golden, group, compare }
  return { name: golden.name, stages, skipped: await replayStages(staged, options) }
}
