import { createPrivateKey, X509Certificate } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { createSecureContext } from 'node:tls'
import { TensorferryError } from '@tensorferry/core'
import { nearestName, unknownName } from '@tensorferry/core/names'
import { normalPrefix } from './http/public-prefix.ts'
import { modelFromText } from './models/model-from-text.ts'
import type {
  ModelDefaults,
  ModelOptions,
  ResolvedModelDefaults,
  ResolvedModelOptions,
  ResolvedOptions,
  ServerOptions,
} from './options.ts'

/** What is expected of a value; null: it is right. */
type Check = (value: unknown) => string | null

const anything: Check = () => null
const boolean: Check = (value) => (typeof value === 'boolean' ? null : 'a boolean')
const text: Check = (value) => (typeof value === 'string' && value !== '' ? null : 'a text that is not empty')
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const whole =
  (min: number, max = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? null
      : `a whole number, ${max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`}`
const milliseconds =
  (min: number): Check =>
  (value) =>
    typeof value === 'number' && value >= min && (min > 0 ? value > 0 : true)
      ? null
      : `milliseconds, ${min || '0'} or more`
const port = whole(0, 65_535)
const orNull =
  (check: Check): Check =>
  (value) => {
    const expected = value === null ? null : check(value)
    return expected === null ? null : `${expected}, or null`
  }
const texts: Check = (value) =>
  Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '') ? null : 'a list of texts'
/** As browsers send them: one with a path, or a slash behind it, would never be the same. */
const ORIGIN = /^([a-z][a-z0-9+.-]*:\/\/[^/?#\s*]+|null)$/i
const origins: Check = (value) =>
  texts(value) === null && (value as readonly string[]).every((one) => ORIGIN.test(one))
    ? null
    : 'a boolean (true: all), or a list of origins such as "https://app.example.org", without a path or a slash behind'
/** An empty list would let everybody in, which nobody asks for by naming keys. */
const keys: Check = (value) =>
  texts(value) === null && (value as readonly string[]).length > 0
    ? null
    : 'a list of at least one text, none of them empty; without apiKeys everybody may use the models'
/** A name that fits into an address: it cannot climb, hide or be empty. */
const MODEL_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const modelName: Check = (value) =>
  typeof value === 'string' && MODEL_NAME.test(value) ? null : 'letters, digits, dots, underscores and dashes'

const BATCHING = { maxRows: whole(1), maxBytes: whole(1), maxDelayMs: milliseconds(0) }
const QUEUE = { maxRequests: whole(1), maxRows: whole(1), maxBytes: whole(1) }
const RATE_LIMIT = { requests: whole(1), perMs: milliseconds(1) }
const TLS = { cert: text, key: text }
const WATCH = { intervalMs: milliseconds(1) }

const DEFAULTS: Record<keyof ModelDefaults, Check> = {
  backend: anything,
  artifact: text,
  verify: (value) => (['off', 'smoke', 'full'].includes(value as string) ? null : `one of "off", "smoke", "full"`),
  batching: (value) => (value === false || isObject(value) ? null : 'an object, or false'),
  queue: (value) => (isObject(value) ? null : 'an object'),
  requestTimeoutMs: milliseconds(1),
}
const MODEL: Record<keyof ModelOptions, Check> = {
  ...DEFAULTS,
  name: modelName,
  version: modelName,
  source: (value) => (value === undefined || value === null || value === '' ? 'a folder, file or URL' : null),
}
const SERVER: Record<keyof ServerOptions, Check> = {
  ...DEFAULTS,
  models: (value) => (Array.isArray(value) && value.length > 0 ? null : 'a list of at least one model'),
  host: text,
  port,
  grpcPort: orNull(port),
  basePath: (value) =>
    typeof value === 'string' && normalPrefix(value) !== null
      ? null
      : 'a path such as "/ml", of letters, digits, dots, underscores, tildes and dashes between slashes',
  apiKeys: keys,
  repositoryToken: text,
  cors: (value) => (typeof value === 'boolean' ? null : origins(value)),
  tls: (value) => (isObject(value) ? null : 'an object with cert and key'),
  bodyLimit: whole(1),
  rateLimit: (value) => (isObject(value) ? null : 'an object with requests and perMs'),
  maxConnections: whole(1),
  clientTimeoutMs: milliseconds(1),
  idleTimeoutMs: milliseconds(1),
  trustProxy: boolean,
  jsonThreads: whole(0, 64),
  pipelineThreads: whole(0, 64),
  pages: boolean,
  watch: (value) => (typeof value === 'boolean' || isObject(value) ? null : 'a boolean, or an object with intervalMs'),
  drainMs: milliseconds(0),
  unreadyMs: milliseconds(0),
  logger: (value) => (isObject(value) && typeof value.info === 'function' ? null : 'a pino logger'),
  signal: (value) => (value instanceof AbortSignal ? null : 'an AbortSignal'),
  onEvent: (value) => (typeof value === 'function' ? null : 'a function'),
}

function refuse(message: string, details: Record<string, unknown>): never {
  throw new TensorferryError('OPTIONS_INVALID', `serve: ${message}`, { details })
}

function check(where: string, given: unknown, checks: Readonly<Record<string, Check>>): void {
  if (!isObject(given))
    refuse(`${where || 'options'}: expected an object, got ${JSON.stringify(given) ?? 'nothing'}`, {})
  const known = Object.keys(checks)
  const place = where ? `${where}: ` : ''
  for (const [option, value] of Object.entries(given)) {
    if (!Object.hasOwn(checks, option)) {
      refuse(`${place}${unknownName('option', option, known)}`, { option, nearest: nearestName(option, known), known })
    }
    const expected = value === undefined ? null : checks[option]!(value)
    // A key or token must not end up in a log: the value is told of harmless options alone.
    const isSecret = ['apiKeys', 'repositoryToken', 'tls', 'key', 'cert'].includes(option)
    const got = isSecret ? (value === '' ? 'an empty one' : typeof value) : (JSON.stringify(value) ?? typeof value)
    if (expected !== null) refuse(`${place}${option}: expected ${expected}, got ${got}`, { option })
  }
}

function resolveDefaults(where: string, given: ModelDefaults, above: ResolvedModelDefaults): ResolvedModelDefaults {
  const { batching, queue } = given
  if (batching) check(`${where}batching`, batching, BATCHING)
  if (queue) check(`${where}queue`, queue, QUEUE)
  return {
    backend: given.backend ?? above.backend,
    artifact: given.artifact ?? above.artifact,
    verify: given.verify ?? above.verify,
    batching:
      batching === undefined
        ? above.batching
        : batching === false
          ? null
          : { ...(above.batching ?? BATCHED), ...withoutUndefined(batching) },
    queue: queue === undefined ? above.queue : { ...above.queue, ...withoutUndefined(queue) },
    requestTimeoutMs: given.requestTimeoutMs ?? above.requestTimeoutMs,
  }
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T
}

const BATCHED = { maxRows: 32, maxBytes: 16 * 2 ** 20, maxDelayMs: 0 }

const FALLBACK: ResolvedModelDefaults = {
  backend: undefined,
  artifact: undefined,
  verify: undefined,
  batching: BATCHED,
  queue: { maxRequests: 1024, maxRows: Number.POSITIVE_INFINITY, maxBytes: 256 * 2 ** 20 },
  requestTimeoutMs: Number.POSITIVE_INFINITY,
}

function resolveModel(given: string | ModelOptions, index: number, above: ResolvedModelDefaults): ResolvedModelOptions {
  const model = typeof given === 'string' ? modelFromText(given) : given
  const where = `models[${index}]`
  check(where, model, MODEL)
  if (model.source === undefined) refuse(`${where}: expected a source: a folder, file or URL`, { option: 'source' })
  return {
    ...resolveDefaults(`${where}.`, model, above),
    name: model.name ?? null,
    version: model.version ?? null,
    source: model.source,
  }
}

/** What is wrong with a certificate and its key; null: nothing. */
function certificateFault({ cert, key }: { readonly cert: string; readonly key: string }): string | null {
  try {
    createSecureContext({ cert, key })
    // A key of another kind than the certificate's passes above, and every connection would fail.
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? null : 'key values mismatch'
  } catch (error) {
    return (error as Error).message
  }
}

function checkCertificate(tls: { readonly cert: string; readonly key: string }): void {
  const fault = certificateFault(tls)
  if (fault === null) return
  refuse(
    `tls: the certificate and key cannot be used: ${fault}; expected cert to be the PEM text of a certificate, and key that of its own private key, without a passphrase`,
    { option: 'tls' },
  )
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown name (with the nearest right one) or a wrong value
 */
export function resolveOptions(options: ServerOptions): ResolvedOptions {
  check('', options, SERVER)
  if (options.models === undefined) refuse('models: expected a list of at least one model', { option: 'models' })
  const { tls, rateLimit, watch = false } = options
  if (tls) {
    check('tls', tls, TLS)
    if (!tls.cert || !tls.key) refuse('tls: expected both cert and key, as PEM texts', { option: 'tls' })
    checkCertificate(tls)
  }
  if (rateLimit) {
    check('rateLimit', rateLimit, RATE_LIMIT)
    if (!rateLimit.requests || !rateLimit.perMs)
      refuse('rateLimit: expected both requests and perMs', { option: 'rateLimit' })
  }
  if (typeof watch === 'object') check('watch', watch, WATCH)
  const above = resolveDefaults('', options, FALLBACK)
  return {
    models: options.models.map((model, index) => resolveModel(model, index, above)),
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 8080,
    grpcPort: options.grpcPort ?? null,
    basePath: normalPrefix(options.basePath ?? '')!,
    apiKeys: options.apiKeys ?? [],
    repositoryToken: options.repositoryToken ?? null,
    cors: options.cors ?? false,
    tls: tls ?? null,
    bodyLimit: options.bodyLimit ?? 64 * 2 ** 20,
    rateLimit: rateLimit ?? null,
    maxConnections: options.maxConnections ?? 10_000,
    clientTimeoutMs: options.clientTimeoutMs ?? 60_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 75_000,
    trustProxy: options.trustProxy ?? false,
    jsonThreads: options.jsonThreads ?? 1,
    pipelineThreads: options.pipelineThreads ?? Math.min(4, availableParallelism()),
    pages: options.pages ?? true,
    watchMs: watch === false ? null : watch === true ? 1000 : watch.intervalMs,
    drainMs: options.drainMs ?? 30_000,
    unreadyMs: options.unreadyMs ?? 0,
  }
}
