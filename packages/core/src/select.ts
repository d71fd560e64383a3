import { platform } from '#platform'
import type { Artifact, Backend, LoadOptions, Session, SessionSource } from './backend.ts'
import type { OpenArtifact, OpenModel } from './bundle/open.ts'
import { throwIfAborted } from './call.ts'
import { TensorferryError } from './errors.ts'
import type { BackendConfig } from './platform/platform.ts'
import type { BackendAttempt, LoadStage, VerifiedCase } from './report.ts'
import { isBackend, requireBackend } from './require-backend.ts'

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

/** What an app does without as long as its backend works. */
const errors = () => import('./backend-errors.ts')

function isSession(value: unknown): value is Session {
  const session = value as Partial<Session> | null
  return typeof session === 'object' && session !== null && typeof session.run === 'function' && !!session.runtime
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
    if (entries.length === 0) throw (await errors()).noEntries()
    return { entries, folder: platform.appFolder(), from: 'options' }
  }
  const config = await platform.findBackendConfig()
  if (config) {
    return { entries: config.backends, folder: config.folder, from: config.from, verify: config.verify }
  }
  throw (await errors()).noBackendChosen(platform.name)
}

/** The package or file of an entry, with the factory's options. */
function namedOf(entry: BackendEntry): readonly [name: string, options?: unknown] | null {
  const named = typeof entry === 'string' ? ([entry] as const) : Array.isArray(entry) ? entry : []
  return typeof named[0] === 'string' && named[0] !== '' ? (named as readonly [string, unknown?]) : null
}

async function resolveBackend(entry: BackendEntry, folder: string): Promise<Backend> {
  const named = namedOf(entry)
  if (!named && (typeof entry !== 'object' || entry === null || Array.isArray(entry))) {
    throw (await errors()).invalidEntry(entry)
  }
  const backend: unknown = named ? await platform.importBackend(named[0], named[1], folder) : entry
  return requireBackend(named?.[0] ?? null, backend)
}

function nameOf(entry: BackendEntry): string {
  if (typeof entry === 'string') return entry
  return Array.isArray(entry) ? String(entry[0]) : ((entry as Backend | null)?.name ?? String(entry))
}

/** The artifact a backend reads: the caller's by name, else the first format the backend prefers, in full precision first. */
async function pickArtifact(
  model: OpenModel | null,
  backend: Backend,
  wanted: string | undefined,
): Promise<OpenArtifact | null> {
  if (backend.formats.length === 0) return null
  for (const format of backend.formats) {
    const found = model?.artifacts.find(
      ({ artifact }) => artifact.format === format && (wanted === undefined || artifact.name === wanted),
    )
    if (found) return found
  }
  throw (await errors()).artifactError(model, backend, wanted)
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
    const from = namedOf(entry)?.[0] ?? null
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
        throw (await errors()).unavailable(name, availability)
      })
      let artifact: OpenArtifact | null = null
      const created = await timed('load', async () => {
        artifact = await pickArtifact(model, backend, request.artifact)
        await artifact?.check(options)
        const opened = await backend.createSession(sessionSource(model, artifact?.artifact), options)
        if (isSession(opened)) return opened
        throw (await errors()).notSession(name, opened)
      })
      session = created
      const verified = await timed('verify', () => request.verify(created, artifact))
      throwIfAborted(options)
      attempts.push({
        backend: name,
        package: from,
        outcome: 'chosen',
        stage,
        code: null,
        reason: null,
        hint: null,
        timings,
      })
      return { backend, session: created, artifact, attempts, verified }
    } catch (thrown) {
      await session?.dispose()
      const error = TensorferryError.is(thrown) ? thrown : (await errors()).untypedError(name, stage, thrown)
      if (options.signal?.aborted || TensorferryError.is(error, 'ABORTED') || TensorferryError.is(error, 'TIMED_OUT'))
        throw error
      lastError = error
      attempts.push((await errors()).refusal({ backend: name, package: from }, stage, error, timings))
    }
  }
  if (attempts.length === 1) throw lastError
  throw (await errors()).noneUsable(attempts, lastError)
}

function sessionSource(model: OpenModel | null, artifact: Artifact | undefined): SessionSource {
  return { ...(artifact ? { artifact } : {}), ...(model?.signature ? { signature: model.signature } : {}) }
}
