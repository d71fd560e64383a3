import type { Availability, Backend } from './backend.ts'
import type { OpenModel } from './bundle/open.ts'
import { describeGiven } from './describe-given.ts'
import { TensorferryError } from './errors.ts'
import { nearestBackend, PUBLISHED_BACKENDS } from './known-backends.ts'
import type { BackendAttempt, LoadStage } from './report.ts'

// Loaded when an error is met: apps whose backend works do without all these messages.

const CONTRACT = '{ apiVersion: 1, name, formats, probe(), createSession() }'
const EXAMPLE = PUBLISHED_BACKENDS[0]!

/** No backend was passed and none is configured. */
export function noBackendChosen(platform: 'node' | 'web'): TensorferryError {
  const install = PUBLISHED_BACKENDS.map((name) => `npm install ${name}`).join(' or ')
  return new TensorferryError(
    'BACKEND_NOT_INSTALLED',
    platform === 'node'
      ? `no backend chosen: pass { backend }, set TENSORFERRY_BACKEND, or write tensorferry.config.json with { "backends": ["${EXAMPLE}"] }; to install one: ${install}`
      : 'no backend chosen: import the factory of a backend package and pass { backend: factory() }',
    { details: { known: PUBLISHED_BACKENDS } },
  )
}

/** A list of backends without one. */
export function noEntries(): TensorferryError {
  return new TensorferryError('OPTIONS_INVALID', 'backend: expected at least one backend, got an empty list')
}

/** An entry of `backend` that names nothing and is no backend. */
export function invalidEntry(entry: unknown): TensorferryError {
  const got =
    entry === '' || typeof entry !== 'function'
      ? describeGiven(entry)
      : `${describeGiven(entry)}; a factory must be called`
  return new TensorferryError(
    'OPTIONS_INVALID',
    `backend: expected a backend such as onnxNode(), a package name, or [name, options], got ${got}`,
  )
}

/** Browsers import by URL or through a bundler, which has to see the name. */
export function nameAwayFromNode(name: string): TensorferryError {
  return new TensorferryError(
    'OPTIONS_INVALID',
    `backend: a package name works in Node alone; here import its factory and pass its value, got ${JSON.stringify(name)}`,
  )
}

/**
 * What a package made, or the caller passed, is no backend of this contract.
 *
 * @param from - the package or file; null: the caller passed the value itself
 * @param what - what is wrong with the package
 */
export function notBackend(
  from: string | null,
  value: unknown,
  what = `its factory returned ${describeGiven(value)}`,
): TensorferryError {
  const { apiVersion, name } = (value ?? {}) as Partial<Record<keyof Backend, unknown>>
  const details = { backend: from ?? name ?? null, apiVersion: apiVersion ?? null }
  if (typeof apiVersion === 'number' && apiVersion !== 1) {
    return new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `${from ?? name}: speaks backend API ${apiVersion}, this @tensorferry/core speaks 1; install matching versions`,
      { details },
    )
  }
  const meant = from === null ? null : nearestBackend(from)
  return new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    from === null
      ? `backend: expected ${CONTRACT}, as a backend's factory gives, got ${describeGiven(value)}`
      : `${from} is not a Tensorferry backend: ${what}; expected a default export that is a factory and returns ${CONTRACT}${meant ? `; did you mean ${JSON.stringify(meant)}?` : ''}`,
    { details },
  )
}

/** A backend's `createSession` gave something else. */
export function notSession(name: string, value: unknown): TensorferryError {
  return new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `${name}: its createSession() gave ${describeGiven(value)}, expected a session { inputs, outputs, runtime, run(), dispose() }`,
    { details: { backend: name } },
  )
}

/** Every backend of a list was refused. */
export function noneUsable(attempts: readonly BackendAttempt[], cause: unknown): TensorferryError {
  const reasons = attempts.map(
    ({ backend, stage, code, reason, hint }) => `${backend} at ${stage}: ${code}: ${reason}${hint ? `; ${hint}` : ''}`,
  )
  return new TensorferryError(
    'BACKEND_UNAVAILABLE',
    `none of ${attempts.length} backends can be used:\n- ${reasons.join('\n- ')}`,
    { cause, details: { attempts } },
  )
}

/** A backend whose probe says that it cannot run here. */
export function unavailable(
  name: string,
  { code, reason, hint }: Extract<Availability, { readonly available: false }>,
): TensorferryError {
  return new TensorferryError('BACKEND_UNAVAILABLE', `${name}: ${reason}; ${hint}`, { details: { code, reason, hint } })
}

/** A backend threw something that is no error of this SDK, which its contract does not allow. */
export function untypedError(name: string, stage: string, error: unknown): TensorferryError {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : describeGiven(error)
  return new TensorferryError(
    'RUNTIME_FAILED',
    `${name} failed at ${stage} with an error that it does not explain: ${text}`,
    {
      cause: error,
      details: { backend: name, stage },
    },
  )
}

const FORMATS = {
  onnx: { title: 'ONNX', needs: '@tensorferry/backend-onnx-node' },
  torchscript: { title: 'TorchScript', needs: '@tensorferry/backend-libtorch' },
  'aot-inductor': { title: 'AOTInductor', needs: '@tensorferry/backend-libtorch' },
}

/** Why no artifact of the source suits a backend. */
export function artifactError(model: OpenModel | null, backend: Backend, wanted: string | undefined): TensorferryError {
  const artifacts = model?.artifacts.map(({ artifact }) => artifact) ?? []
  const listing = artifacts.map(({ name, format }) => `${name} (${format})`).join(', ') || 'none'
  const named = artifacts.find(({ name }) => name === wanted)
  const reads = `${backend.name} reads ${backend.formats.join(', ')}`
  if (wanted !== undefined && !named) {
    return new TensorferryError('NOT_FOUND', `no artifact ${JSON.stringify(wanted)}; there are: ${listing}`)
  }
  if (named) {
    return new TensorferryError('BACKEND_INCOMPATIBLE', `artifact ${wanted} is ${named.format}, ${reads}`)
  }
  const { format } = artifacts[0] ?? {}
  const details = { formats: backend.formats }
  if (model === null || format === undefined) {
    return new TensorferryError('FORMAT_UNSUPPORTED', `${reads}; no source was given: pass a bundle or a model file`, {
      details,
    })
  }
  if (model.manifest !== null) {
    return new TensorferryError('FORMAT_UNSUPPORTED', `${reads}; the bundle holds ${listing}`, { details })
  }
  const { title, needs } = FORMATS[format]
  const there = PUBLISHED_BACKENDS.includes(needs) ? needs : `${needs}, which is not published yet`
  return new TensorferryError(
    'FORMAT_UNSUPPORTED',
    `${reads}; ${model.where} is ${title}, which needs a backend that reads ${format} (${there})${format === 'onnx' ? '' : ', or export the module to ONNX with tensorferry.export_bundle in Python'}`,
    { details },
  )
}

/** An attempt that failed, for the report. */
export function refusal(
  backend: Pick<BackendAttempt, 'backend' | 'package'>,
  stage: LoadStage,
  error: TensorferryError,
  timings: BackendAttempt['timings'],
): BackendAttempt {
  // As a probe gave them; elsewhere the message says it all.
  const { code, reason, hint } = (stage === 'probe' ? error.details : {}) as Partial<Record<string, string>>
  return {
    ...backend,
    outcome: 'refused',
    stage,
    code: code ?? error.code,
    reason: reason ?? error.message,
    hint: hint ?? null,
    timings,
  }
}
