import { platform } from '#platform'
import type { Artifact, Backend, LoadOptions, Session, SessionSource } from './backend.ts'
import type { OpenArtifact, OpenModel } from './bundle/open.ts'
import { throwIfAborted } from './call.ts'
import { TensorferryError } from './errors.ts'
import type { BackendConfig } from './platform/platform.ts'
import type { BackendAttempt, LoadStage, VerifiedCase } from './report.ts'

/** A backend's value, its package's name (Node alone), or the name with the factory's options. */
export type BackendEntry<S extends Session = Session> = Backend<S> | string | readonly [name: string, options?: unknown]

/** One backend, or several in order of preference: the only way to fall back. */
export type BackendChoice<S extends Session = Session> = BackendEntry<S> | readonly BackendEntry<S>[]

/** Backends to try in order, and who asked for them. */
export interface Candidates {
  readonly entries: readonly BackendEntry[]
  /** Folder that names are resolved from. */
  readonly folder: string
  readonly from: string
  readonly verify?: BackendConfig['verify']
}

/** A backend that loaded the model and passed verification. */
export interface Selected {
  readonly backend: Backend
  readonly session: Session
  readonly artifact: OpenArtifact | null
  readonly attempts: readonly BackendAttempt[]
  readonly verified: readonly VerifiedCase[]
}

const KNOWN_BACKENDS = ['@tensorferry/backend-onnx-node', '@tensorferry/backend-libtorch']

function isBackend(value: unknown): value is Backend {
  const backend = value as Partial<Backend> | null
  return typeof backend === 'object' && backend !== null && typeof backend.createSession === 'function'
}

function isNamed(entry: unknown): entry is readonly [string, unknown?] {
  return (
    Array.isArray(entry) &&
    typeof entry[0] === 'string' &&
    entry.length === 2 &&
    typeof entry[1] === 'object' &&
    !isBackend(entry[1])
  )
}

/** The caller's choice, else the environment's, else the config file's. */
export async function findCandidates(choice: BackendChoice | undefined): Promise<Candidates> {
  if (choice !== undefined) {
    const entries =
      Array.isArray(choice) && !isNamed(choice) ? (choice as readonly BackendEntry[]) : [choice as BackendEntry]
    if (entries.length === 0)
      throw new TensorferryError('OPTIONS_INVALID', 'backend: expected at least one backend, got an empty list')
    return { entries, folder: platform.appFolder(), from: 'options' }
  }
  const config = await platform.findBackendConfig()
  if (config) {
    return { entries: config.backends, folder: config.folder, from: config.from, verify: config.verify }
  }
  const install = KNOWN_BACKENDS.map((name) => `npm install ${name}`).join(' or ')
  throw new TensorferryError(
    'BACKEND_NOT_INSTALLED',
    platform.name === 'node'
      ? `no backend chosen: pass { backend }, set TENSORFERRY_BACKEND, or write tensorferry.config.json with { "backends": ["${KNOWN_BACKENDS[0]}"] }; to install one: ${install}`
      : 'no backend chosen: import the factory of a backend package and pass { backend: factory() }',
    { details: { known: KNOWN_BACKENDS } },
  )
}

async function resolveBackend(entry: BackendEntry, folder: string): Promise<Backend> {
  let backend: unknown = entry
  if (!isBackend(entry)) {
    const [name, options] = typeof entry === 'string' ? [entry] : Array.isArray(entry) ? entry : []
    if (typeof name !== 'string' || name === '') {
      throw new TensorferryError(
        'OPTIONS_INVALID',
        'backend: expected a backend such as onnxNode(), a package name, or [name, options]; a factory must be called',
      )
    }
    const module = (await platform.importBackend(name, folder)) as { default?: unknown }
    if (typeof module.default !== 'function') {
      throw new TensorferryError(
        'BACKEND_INCOMPATIBLE',
        `${name} has no factory as its default export: it is not a Tensorferry backend`,
      )
    }
    backend = module.default(options)
    if (!isBackend(backend))
      throw new TensorferryError('BACKEND_INCOMPATIBLE', `${name}: its factory returned no backend`)
  }
  const { apiVersion, name } = backend as Backend
  if (apiVersion !== 1) {
    throw new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `${name}: speaks backend API ${apiVersion}, this @tensorferry/core speaks 1; install matching versions`,
    )
  }
  return backend as Backend
}

function nameOf(entry: BackendEntry): string {
  if (typeof entry === 'string') return entry
  return Array.isArray(entry) ? String(entry[0]) : ((entry as Backend | null)?.name ?? String(entry))
}

/** The artifact a backend reads: the caller's by name, else the first format the backend prefers, in full precision first. */
function pickArtifact(model: OpenModel | null, backend: Backend, wanted: string | undefined): OpenArtifact | null {
  if (backend.formats.length === 0) return null
  const artifacts = model?.artifacts ?? []
  const listing = artifacts.map(({ artifact }) => `${artifact.name} (${artifact.format})`).join(', ') || 'none'
  if (wanted !== undefined) {
    const named = artifacts.find(({ artifact }) => artifact.name === wanted)
    if (!named) throw new TensorferryError('NOT_FOUND', `no artifact ${JSON.stringify(wanted)}; there are: ${listing}`)
    if (!backend.formats.includes(named.artifact.format)) {
      throw new TensorferryError(
        'BACKEND_INCOMPATIBLE',
        `artifact ${wanted} is ${named.artifact.format}, ${backend.name} reads ${backend.formats.join(', ')}`,
      )
    }
    return named
  }
  for (const format of backend.formats) {
    const found = artifacts.find(({ artifact }) => artifact.format === format)
    if (found) return found
  }
  throw new TensorferryError(
    'FORMAT_UNSUPPORTED',
    `${backend.name} reads ${backend.formats.join(', ')}; ${model ? `the source holds ${listing}` : 'no source was given'}`,
    { details: { formats: backend.formats } },
  )
}

interface SelectRequest {
  readonly model: OpenModel | null
  readonly candidates: Candidates
  readonly artifact: string | undefined
  /** Replays goldens; throws when the numbers are wrong. */
  verify(session: Session, artifact: OpenArtifact | null): Promise<readonly VerifiedCase[]>
}

/**
 * Tries the backends in order; records why each was taken or refused.
 *
 * @throws TensorferryError the only backend's own error; for a list `BACKEND_UNAVAILABLE` with every attempt in `details`
 */
export async function selectBackend(request: SelectRequest, options: LoadOptions): Promise<Selected> {
  const { model, candidates } = request
  const attempts: BackendAttempt[] = []
  let lastError: unknown
  for (const entry of candidates.entries) {
    let name = nameOf(entry)
    let stage: LoadStage = 'resolve'
    let session: Session | undefined
    const timings: Partial<Record<LoadStage, number>> = {}
    const timed = async <T>(next: LoadStage, work: () => Promise<T>): Promise<T> => {
      stage = next
      throwIfAborted(options)
      const start = performance.now()
      try {
        return await work()
      } finally {
        timings[next] = performance.now() - start
      }
    }
    try {
      const backend = await timed('resolve', () => resolveBackend(entry, candidates.folder))
      name = backend.name
      await timed('probe', async () => {
        const availability = await backend.probe(options)
        if (availability.available) return
        const { code, reason, hint } = availability
        throw new TensorferryError('BACKEND_UNAVAILABLE', `${name}: ${reason}; ${hint}`, {
          details: { code, reason, hint },
        })
      })
      const artifact = pickArtifact(model, backend, request.artifact)
      const created = await timed('load', async () => {
        await artifact?.check(options)
        return backend.createSession(sessionSource(model, artifact?.artifact), options)
      })
      session = created
      const verified = await timed('verify', () => request.verify(created, artifact))
      throwIfAborted(options)
      attempts.push({ backend: name, outcome: 'chosen', stage, code: null, reason: null, hint: null, timings })
      return { backend, session: created, artifact, attempts, verified }
    } catch (error) {
      await session?.dispose()
      if (options.signal?.aborted || TensorferryError.is(error, 'ABORTED') || TensorferryError.is(error, 'TIMED_OUT'))
        throw error
      lastError = error
      attempts.push(refusal(name, stage, error, timings))
    }
  }
  if (attempts.length === 1) throw lastError
  const reasons = attempts.map(({ backend, stage, code, reason }) => `${backend} at ${stage}: ${code}: ${reason}`)
  throw new TensorferryError(
    'BACKEND_UNAVAILABLE',
    `none of ${attempts.length} backends can be used:\n- ${reasons.join('\n- ')}`,
    {
      cause: lastError,
      details: { attempts },
    },
  )
}

function sessionSource(model: OpenModel | null, artifact: Artifact | undefined): SessionSource {
  return { ...(artifact ? { artifact } : {}), ...(model?.signature ? { signature: model.signature } : {}) }
}

function refusal(
  backend: string,
  stage: LoadStage,
  error: unknown,
  timings: BackendAttempt['timings'],
): BackendAttempt {
  const known = TensorferryError.is(error) ? error : null
  const { code, reason, hint } = (known?.details ?? {}) as Partial<Record<string, string>>
  return {
    backend,
    outcome: 'refused',
    stage,
    code: code ?? known?.code ?? 'RUNTIME_FAILED',
    reason: reason ?? (error instanceof Error ? error.message : String(error)),
    hint: hint ?? null,
    timings,
  }
}
