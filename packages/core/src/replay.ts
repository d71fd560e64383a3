import type { RuntimeInfo } from './backend.ts'
import type { Difference } from './bundle/compare.ts'
import type { Tolerance } from './bundle/manifest.ts'
import { type ModelSource, openSource } from './bundle/source.ts'
import { verifyCase } from './bundle/verify.ts'
import { throwIfAborted, withCallOptions } from './call.ts'
import { TensorferryError } from './errors.ts'
import type { LoadModelOptions } from './load.ts'
import { planPipeline } from './model-pipeline.ts'
import type { LoadReport } from './report.ts'
import { findCandidates, selectBackend } from './select.ts'
import type { Tensor } from './tensor.ts'

/** One comparison with PyTorch: a tensor of one stage of one case. */
export interface ComparedTensor {
  /** `decoded`, `inputs`, `outputs` or `result`. */
  readonly stage: string
  /** In words, such as `output logits`. */
  readonly tensor: string
  /** PyTorch's or Pillow's. */
  readonly expected: Tensor
  /** null: it is missing. */
  readonly got: Tensor | null
  /** For floating dtypes; the others are compared exactly. */
  readonly tolerance: Tolerance
  /** null: there is nothing to compare with. */
  readonly difference: Difference | null
  readonly passed: boolean
}

/** One golden case, replayed to its end. */
export interface ReplayedCase {
  readonly name: string
  readonly compared: readonly ComparedTensor[]
  /** Why some stages were left out, such as a picture codec that is not installed. */
  readonly skipped: string | null
  /** What stopped the case: a step or the runtime failed. */
  readonly error: TensorferryError | null
  readonly milliseconds: number
}

/** Every golden of a bundle on one backend, with the tensors. */
export interface ReplayReport extends Pick<LoadReport, 'source' | 'backend' | 'artifact' | 'attempts'> {
  readonly runtime: RuntimeInfo
  readonly cases: readonly ReplayedCase[]
  /** Milliseconds until the model was loaded. */
  readonly loadMs: number
}

/**
 * Replays all of a bundle's goldens and keeps what came of each, where `loadModel` stops at the first difference.
 *
 * @param source - as {@link loadModel} takes it; a bundle with goldens
 * @param options - as {@link loadModel} takes them
 * @returns the comparisons, passed or not, with both tensors
 * @throws TensorferryError as `loadModel`; `NOT_FOUND` when there are no goldens
 */
export function replayGoldens(
  source: ModelSource,
  options: Omit<LoadModelOptions, 'verify'> = {},
): Promise<ReplayReport> {
  const cancel = new AbortController()
  return withCallOptions(
    options,
    () => replay(source, { ...options, signal: cancel.signal, timeoutMs: undefined }),
    (error) => cancel.abort(error),
  )
}

async function replay(source: ModelSource, options: LoadModelOptions): Promise<ReplayReport> {
  const start = performance.now()
  const candidates = await findCandidates(options.backend)
  const model = await openSource(source, options)
  const { manifest } = model
  if (!manifest?.goldens) {
    throw new TensorferryError(
      'NOT_FOUND',
      `${model.where} has no goldens to replay; export it with tensorferry.export_bundle`,
    )
  }
  const pipeline = await planPipeline(manifest)
  const selected = await selectBackend(
    { model, candidates, artifact: options.artifact, verify: async () => [] },
    options,
  )
  const loadMs = performance.now() - start
  const { session, artifact, backend, attempts } = selected
  try {
    const tensors = await model.goldens(options)
    const cases: ReplayedCase[] = []
    for (const golden of manifest.goldens.cases) {
      throwIfAborted(options)
      const { length } = manifest.goldens.cases
      options.onProgress?.({ phase: 'verify', loaded: cases.length, total: length })
      const compared: ComparedTensor[] = []
      const onCompared = (one: ComparedTensor): void => {
        compared.push(one)
      }
      const request = { model, session, artifact, pipeline, mode: 'full', onCompared } as const
      const begin = performance.now()
      let skipped: string | null = null
      let error: TensorferryError | null = null
      try {
        await session.reset?.(options)
        skipped = (await verifyCase(request, manifest, golden, tensors, options)).skipped
      } catch (thrown) {
        if (!TensorferryError.is(thrown) || options.signal?.aborted) throw thrown
        error = thrown
      }
      cases.push({ name: golden.name, compared, skipped, error, milliseconds: performance.now() - begin })
    }
    return {
      source: model.where,
      backend: backend.name,
      artifact: artifact && {
        name: artifact.artifact.name,
        format: artifact.artifact.format,
        precision: artifact.precision,
      },
      attempts,
      runtime: session.runtime,
      cases,
      loadMs,
    }
  } finally {
    await session.dispose()
  }
}
