import type { LoadOptions, Session } from './backend.ts'
import type { AnyBundle } from './bundle/bundle-types.ts'
import type { OpenModel } from './bundle/open.ts'
import { type ModelSource, openSource } from './bundle/source.ts'
import { verifyGoldens } from './bundle/verify.ts'
import { withCallOptions } from './call.ts'
import { TensorferryError } from './errors.ts'
import { createModel, type Model } from './model.ts'
import { planPipeline } from './model-pipeline.ts'
import type { LocateOptions } from './platform/platform.ts'
import type { LoadReport, VerifiedCase } from './report.ts'
import { type BackendChoice, findCandidates, selectBackend } from './select.ts'

/** Options of {@link loadModel}. */
export interface LoadModelOptions<S extends Session = Session> extends LoadOptions, LocateOptions {
  /** Default in Node: `TENSORFERRY_BACKEND`, else the nearest `tensorferry.config.json`. */
  readonly backend?: BackendChoice<S> | undefined
  /** An artifact's name, such as `onnx-fp16`. Default: the first that the backend reads. */
  readonly artifact?: string | undefined
  /** Replays PyTorch's goldens on the chosen backend: none, the first one (default), or all. */
  readonly verify?: 'off' | 'smoke' | 'full' | undefined
}

const OPTION_NAMES: readonly (keyof LoadModelOptions)[] = [
  'backend',
  'artifact',
  'verify',
  'fetch',
  'cacheDir',
  'downloads',
  'signal',
  'timeoutMs',
  'onProgress',
]
const VERIFY_MODES = ['off', 'smoke', 'full']

function checkOptions(options: LoadModelOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (!OPTION_NAMES.includes(name as keyof LoadModelOptions)) {
      throw new TensorferryError(
        'OPTIONS_INVALID',
        `loadModel: unknown option ${JSON.stringify(name)}, expected ${OPTION_NAMES.join(', ')}; a runtime's own options go into its backend's factory`,
      )
    }
    if (name === 'verify' && value !== undefined && !VERIFY_MODES.includes(value as string)) {
      throw new TensorferryError(
        'OPTIONS_INVALID',
        `verify: expected ${VERIFY_MODES.join(', ')}, got ${JSON.stringify(value)}`,
      )
    }
  }
}

/**
 * Loads a model: opens the bundle or file, tries the backends in order, replays PyTorch's goldens, and reports all of it.
 *
 * @param source - a bundle's folder or URL, a model file, its URL or bytes, or a map of files
 * @param options - the backend and how to load
 * @returns the model; `await using` or `dispose()` gives its memory back
 * @throws TensorferryError `NOT_FOUND`, `BUNDLE_INVALID`, `INTEGRITY_FAILED`, `DOWNLOAD_FAILED`, `FORMAT_UNSUPPORTED`,
 *   `BACKEND_NOT_INSTALLED`, `BACKEND_UNAVAILABLE`, `BACKEND_INCOMPATIBLE`, `VERIFICATION_FAILED`, `OPTIONS_INVALID`,
 *   `ABORTED`, `TIMED_OUT`
 */
export function loadModel<B extends AnyBundle = AnyBundle, S extends Session = Session>(
  source: ModelSource<B>,
  options?: LoadModelOptions<S>,
): Promise<Model<B, S>>
/** Without a source, for a backend that needs no file: the signature is the server's. */
export function loadModel<S extends Session = Session>(
  options: LoadModelOptions<S> & { readonly backend: BackendChoice<S> },
): Promise<Model<AnyBundle, S>>
export async function loadModel(first: ModelSource | LoadModelOptions, second?: LoadModelOptions): Promise<Model> {
  const hasSource = !(typeof first === 'object' && first !== null && 'backend' in first)
  const source = hasSource ? (first as ModelSource) : undefined
  const options = (hasSource ? second : (first as LoadModelOptions)) ?? {}
  checkOptions(options)
  // One signal for everything below: a late session of a cancelled load is disposed, not leaked.
  const cancel = new AbortController()
  return withCallOptions(
    options,
    () => load(source, { ...options, signal: cancel.signal, timeoutMs: undefined }),
    (error) => cancel.abort(error),
  )
}

async function load(source: ModelSource | undefined, options: LoadModelOptions): Promise<Model> {
  const start = performance.now()
  const candidates = await findCandidates(options.backend)
  const model = source === undefined ? null : await openSource(source, options)
  const pipeline = model?.manifest ? planPipeline(model.manifest) : null
  const openMs = performance.now() - start

  const mode = options.verify ?? candidates.verify ?? 'smoke'
  const skipped = reasonToSkip(mode, model)
  const selected = await selectBackend(
    {
      model,
      candidates,
      artifact: options.artifact,
      verify: async (session, artifact): Promise<readonly VerifiedCase[]> => {
        if (skipped !== null || model === null) return []
        const cases = await verifyGoldens(
          { model, session, artifact, pipeline, mode: mode as 'smoke' | 'full' },
          options,
        )
        // The model's first answer to its user must not depend on what was replayed.
        await session.reset?.(options)
        return cases
      },
    },
    options,
  )
  const report: LoadReport = {
    source: model?.where ?? selected.backend.name,
    bundle: model?.manifest ? { name: model.manifest.name, version: model.manifest.version } : null,
    chosenBy: candidates.from,
    attempts: selected.attempts,
    backend: selected.backend.name,
    artifact: selected.artifact
      ? {
          name: selected.artifact.artifact.name,
          format: selected.artifact.artifact.format,
          precision: selected.artifact.precision,
        }
      : null,
    runtime: selected.session.runtime,
    warnings: [...(model?.warnings ?? []), ...(selected.session.runtime.warnings ?? [])],
    verify: { mode, cases: selected.verified, skipped },
    timings: { open: openMs, ...selected.attempts.at(-1)?.timings, total: performance.now() - start },
  }
  return createModel({ session: selected.session, model, pipeline, report })
}

function reasonToSkip(mode: string, model: OpenModel | null): string | null {
  if (mode === 'off') return 'switched off'
  if (!model?.manifest) return 'a bare model has no goldens'
  return model.manifest.goldens ? null : 'the bundle has no goldens'
}
