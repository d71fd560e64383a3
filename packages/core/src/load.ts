import type { Backend, LoadOptions, Session } from './backend.ts'
import type { AnyBundle } from './bundle/bundle-types.ts'
import type { OpenModel } from './bundle/open.ts'
import { isSource, type ModelSource, openSource } from './bundle/source.ts'
import { verifyGoldens } from './bundle/verify.ts'
import { withCallOptions } from './call.ts'
import { createModel, type Model } from './model.ts'
import { planPipeline } from './model-pipeline.ts'
import type { LocateOptions } from './platform/platform.ts'
import type { LoadReport, VerifiedCase } from './report.ts'
import { type BackendChoice, type BackendEntry, findCandidates, selectBackend } from './select.ts'
import { loadStreams } from './stream-parts.ts'

/** Options of {@link loadModel}. */
export interface LoadModelOptions<S extends Session = Session> extends LoadOptions, LocateOptions {
  /** Default in Node: `TENSORFERRY_BACKEND`, else the nearest `tensorferry.config.json`. */
  readonly backend?: BackendChoice<S> | undefined
  /** An artifact's name, such as `onnx-fp16`. Default: the first that the backend reads. */
  readonly artifact?: string | undefined
  /** Replays PyTorch's goldens on the chosen backend: `off` none, `smoke` (default) the first one alone, `full` all of them. */
  readonly verify?: 'off' | 'smoke' | 'full' | undefined
}

/** The session of a backend's value; of several, whichever runs in the end. */
type SessionOf<E> = E extends Backend<infer S> ? S : Session

/** One backend or several of different types, which {@link LoadModelOptions} of one session type would refuse. */
type Chosen<E extends BackendEntry> = E | readonly E[]

/** What each option is: a type, or its values. `backend` is looked at when it is its turn. */
const LOAD_OPTIONS: Readonly<Record<keyof LoadModelOptions, string | readonly string[] | null>> = {
  backend: null,
  artifact: 'string',
  verify: ['off', 'smoke', 'full'],
  fetch: 'function',
  cacheDir: 'string',
  downloads: ['cache', 'opfs', 'memory'],
  signal: null,
  timeoutMs: null,
  onProgress: 'function',
}

function isOption(name: string, value: unknown): boolean {
  if (!Object.hasOwn(LOAD_OPTIONS, name)) return false
  const expected = LOAD_OPTIONS[name as keyof LoadModelOptions]
  if (expected === null || value === undefined) return true
  return typeof expected === 'string' ? typeof value === expected : expected.includes(value as string)
}

async function checkArguments(source: unknown, needsSource: boolean, options: unknown): Promise<void> {
  const isFine =
    typeof options === 'object' &&
    options !== null &&
    Object.entries(options).every(([name, value]) => isOption(name, value)) &&
    (!needsSource || isSource(source))
  if (isFine) return
  // Loaded when it is met: apps that pass what is expected do without all its messages.
  const { argumentError } = await import('./load-argument-error.ts')
  throw argumentError(source, options, LOAD_OPTIONS)
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
export function loadModel<B extends AnyBundle = AnyBundle, E extends BackendEntry = BackendEntry>(
  source: ModelSource<B>,
  options?: Omit<LoadModelOptions, 'backend'> & { readonly backend?: Chosen<E> | undefined },
): Promise<Model<B, SessionOf<E>>>
/** Without a source, for a backend that needs no file: the signature is the server's. */
export function loadModel<E extends BackendEntry>(
  options: Omit<LoadModelOptions, 'backend'> & { readonly backend: Chosen<E> },
): Promise<Model<AnyBundle, SessionOf<E>>>
export async function loadModel(first: ModelSource | LoadModelOptions, second?: LoadModelOptions): Promise<Model> {
  const needsSource = !(typeof first === 'object' && first !== null && 'backend' in first)
  const source = needsSource ? (first as ModelSource) : undefined
  const options = (needsSource ? second : (first as LoadModelOptions)) ?? {}
  await checkArguments(source, needsSource, options)
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
  const pipeline = model?.manifest ? await planPipeline(model.manifest) : null
  const openMs = performance.now() - start

  const mode = options.verify ?? candidates.verify ?? 'smoke'
  const skipped = reasonToSkip(mode, model)
  const { signal, onProgress } = options
  const selected = await selectBackend(
    {
      model,
      candidates,
      artifact: options.artifact,
      verify: async (session, artifact): Promise<readonly VerifiedCase[]> => {
        if (skipped !== null || model === null) return []
        const cases = await verifyGoldens(
          { model, session, artifact, pipeline, mode: mode as 'smoke' | 'full' },
          { signal, onProgress },
        )
        // The model's first answer to its user must not depend on what was replayed.
        await session.reset?.({ signal })
        return cases
      },
    },
    { signal, onProgress },
  )
  const report: LoadReport = {
    source: model?.where ?? selected.backend.name,
    bundle: model?.manifest ? { name: model.manifest.name, version: model.manifest.version } : null,
    chosenBy: candidates.from,
    attempts: selected.attempts,
    backend: selected.backend.name,
    package: selected.attempts.at(-1)?.package ?? null,
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
  const { session } = selected
  const keepsState = (model?.signature?.states.length ?? 0) > 0 || session.reset
  const openStream = keepsState ? await loadStreams() : null
  return createModel({ session, model, pipeline, report, openStream })
}

function reasonToSkip(mode: string, model: OpenModel | null): string | null {
  if (mode === 'off') return 'switched off'
  if (!model?.manifest) return 'a bare model has no goldens'
  return model.manifest.goldens ? null : 'the bundle has no goldens'
}
