import { join } from 'node:path'
import { type Backend, type Progress, type ReplayReport, replayGoldens, TensorferryError } from '@tensorferry/core'
import { readRegular } from '@tensorferry/core/node'
import type { ChosenBackend } from '../../backends/choose.ts'
import { displayName } from '../../backends/known.ts'
import { loadBackend } from '../../backends/load.ts'
import type { BundleOnDisk, CheckedFile } from '../../bundle/read.ts'

/** One backend with one artifact, and what the goldens gave. */
export interface VerifiedBackend {
  readonly name: string
  readonly package: string
  readonly version: string | null
  /** null: the backend could not be asked, or it reads none of the bundle's formats. */
  readonly artifact: string | null
  readonly status: 'passed' | 'failed' | 'unusable'
  /** null: it could not load the model. */
  readonly replay: ReplayReport | null
  /** Why nothing was replayed. */
  readonly error: TensorferryError | null
}

/**
 * The bundle to replay from. A file that differs from its manifest would be refused; here it is the thing to be looked at, so
 * the manifest in memory is made to agree with it.
 */
async function sourceOf({ folder, manifest }: BundleOnDisk, files: readonly CheckedFile[]) {
  if (files.every(({ problem }) => problem === null)) return folder
  const contents = new Map<string, Uint8Array>()
  for (const { path, sha256 } of files) {
    if (sha256 !== '') contents.set(path, new Uint8Array(await readRegular(join(folder, path))))
  }
  const found = new Map(files.map(({ path, size, sha256 }) => [path, { path, size, sha256 }]))
  const asFound = JSON.stringify(manifest, (_, value: unknown) => {
    const listed = value as { path?: string; sha256?: string } | null
    const isFile = typeof listed === 'object' && typeof listed?.path === 'string' && typeof listed.sha256 === 'string'
    const actual = isFile ? found.get(listed.path!) : undefined
    return actual?.sha256 ? actual : value
  })
  contents.set('bundle.json', new TextEncoder().encode(asFound))
  return contents
}

function requireTyped(error: unknown): TensorferryError {
  if (TensorferryError.is(error)) return error
  return new TensorferryError('RUNTIME_FAILED', error instanceof Error ? error.message : String(error), {
    cause: error,
  })
}

const passes = ({ cases }: ReplayReport): boolean =>
  cases.every(({ error, compared }) => error === null && compared.every(({ passed }) => passed))

/** Artifacts that a backend reads, in the manifest's order; compiled ones are native code that only their folder vouches for. */
function artifactsFor(
  backend: Backend,
  { manifest }: BundleOnDisk,
  wanted: string | undefined,
): readonly (string | undefined)[] {
  if (backend.formats.length === 0) return [undefined]
  return manifest.artifacts
    .filter(({ name, format }) => backend.formats.includes(format) && (wanted === undefined || name === wanted))
    .map(({ name }) => name)
}

/** Replays all goldens on a backend, once for each artifact that it reads. */
export async function verifyBackend(
  { found, options }: ChosenBackend,
  bundle: BundleOnDisk,
  files: readonly CheckedFile[],
  { artifact: wanted, signal, onCase }: { artifact?: string | undefined; signal: AbortSignal; onCase: () => void },
): Promise<readonly VerifiedBackend[]> {
  let base = { name: found.name, package: found.package, version: found.version }
  const unusable = (error: TensorferryError): VerifiedBackend => ({
    ...base,
    artifact: null,
    status: 'unusable',
    replay: null,
    error,
  })
  let backend: Backend
  try {
    backend = await loadBackend(found, options)
    base = { ...base, name: displayName(found.name, backend.name) }
    const availability = await backend.probe({ signal })
    if (!availability.available) {
      return [unusable(new TensorferryError('BACKEND_UNAVAILABLE', `${availability.reason}; ${availability.hint}`))]
    }
  } catch (error) {
    if (signal.aborted) throw error
    return [unusable(requireTyped(error))]
  }
  const artifacts = artifactsFor(backend, bundle, wanted)
  if (artifacts.length === 0) {
    const listing = bundle.manifest.artifacts.map(({ name, format }) => `${name} (${format})`).join(', ')
    const reads = backend.formats.join(', ')
    return [unusable(new TensorferryError('FORMAT_UNSUPPORTED', `it reads ${reads}; the bundle holds ${listing}`))]
  }
  const source = await sourceOf(bundle, files)
  const verified: VerifiedBackend[] = []
  for (const artifact of artifacts) {
    try {
      const onProgress = ({ phase, file }: Progress): void => {
        if (phase === 'verify' && file === undefined) onCase()
      }
      const replay = await replayGoldens(source, { backend, artifact, signal, onProgress })
      const status = passes(replay) ? 'passed' : 'failed'
      verified.push({ ...base, artifact: artifact ?? null, status, replay, error: null })
    } catch (error) {
      if (signal.aborted) throw error
      verified.push({ ...base, artifact: artifact ?? null, status: 'failed', replay: null, error: requireTyped(error) })
    }
  }
  return verified
}
