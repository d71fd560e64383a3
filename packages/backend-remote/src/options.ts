import { TensorferryError } from '@tensorferry/core'
import { unknownName } from '@tensorferry/core/names'

const PROTOCOLS = ['auto', 'rest', 'rest-binary', 'rest-json', 'grpc'] as const

/**
 * How to speak to the server.
 *
 * - `auto`: `grpc` for `grpc://` and `grpcs://`, `rest` for `http://` and `https://`
 * - `rest`: binary tensors when the server's metadata list `binary_tensor_data`, else JSON
 * - `rest-binary`, `rest-json`: one of them, whatever the server says of itself
 * - `grpc`: Node alone
 */
export type RemoteProtocol = (typeof PROTOCOLS)[number]

/** Options of {@link remote}. */
export interface RemoteOptions {
  /** Address of the server, such as `http://127.0.0.1:8080` or `grpc://127.0.0.1:9000`. */
  readonly url?: string | URL
  /** In place of `url`: servers with the same model. Each call goes to the one with the fewest calls in progress. */
  readonly urls?: readonly (string | URL)[]
  /** Name of the model on the server. */
  readonly model: string
  /** Default: the server's choice, which is its newest. */
  readonly version?: string
  /** Default `auto`. */
  readonly protocol?: RemoteProtocol
  /** Headers of every request; metadata over gRPC. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as `Authorization: Bearer KEY`. */
  readonly apiKey?: string
  /** Milliseconds of a call when it gives no `timeoutMs` of its own, retries included. Default: no limit. */
  readonly timeoutMs?: number
  /** Tries after the first one, where trying again is safe. Default 2; 0: none. */
  readonly retries?: number
  /** Milliseconds before the first retry at one server; doubled for each further one, the real wait is random up to that. Default 50. */
  readonly retryDelayMs?: number
  /**
   * True: running a request twice does no harm, so a call whose connection broke midway may be tried again too. Default false:
   * only what surely was not run.
   */
  readonly idempotent?: boolean
  /**
   * Milliseconds after which an unanswered request is sent a second time, to another server where there is one; the first
   * answer counts and the other request is cancelled. The model may run twice. Default: off.
   */
  readonly hedgeAfterMs?: number
  /** In place of the global `fetch`; REST alone, refused with gRPC. */
  readonly fetch?: typeof fetch
  /**
   * PEM text of the certificate authority that `grpcs://` servers are checked against. Default: the system's. Refused with other
   * addresses: over `https://` the process's own count (`NODE_EXTRA_CA_CERTS`), or those of the `fetch` that is passed.
   */
  readonly certificateAuthority?: string
}

/** {@link RemoteOptions} checked, with the defaults filled in. */
export interface ResolvedOptions {
  /** Without a slash at the end; all of one kind. */
  readonly urls: readonly string[]
  readonly model: string
  readonly version: string | null
  readonly protocol: Exclude<RemoteProtocol, 'auto'>
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number | null
  readonly retries: number
  readonly retryDelayMs: number
  readonly idempotent: boolean
  readonly hedgeAfterMs: number | null
  readonly fetch: typeof fetch
  readonly certificateAuthority: string | null
}

type Check = (value: unknown) => string | null

const text: Check = (value) => (typeof value === 'string' && value !== '' ? null : 'a text that is not empty')
const address: Check = (value) => (typeof value === 'string' || value instanceof URL ? null : 'a URL')
const milliseconds: Check = (value) => (typeof value === 'number' && value > 0 ? null : 'milliseconds, more than 0')

const CHECKS: Record<keyof RemoteOptions, Check> = {
  url: address,
  urls: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((one) => address(one) === null) ? null : 'a list of URLs',
  model: text,
  version: text,
  protocol: (value) => (PROTOCOLS.includes(value as 'auto') ? null : `one of ${PROTOCOLS.join(', ')}`),
  headers: (value) =>
    typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string')
      ? null
      : 'an object of texts',
  apiKey: text,
  timeoutMs: milliseconds,
  retries: (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? null : 'a whole number, at least 0'),
  retryDelayMs: milliseconds,
  idempotent: (value) => (typeof value === 'boolean' ? null : 'true or false'),
  hedgeAfterMs: milliseconds,
  fetch: (value) => (typeof value === 'function' ? null : 'a function'),
  certificateAuthority: text,
}

const SCHEMES: Readonly<Record<string, 'rest' | 'grpc'>> = {
  'http:': 'rest',
  'https:': 'rest',
  'grpc:': 'grpc',
  'grpcs:': 'grpc',
}

function refuse(message: string, details: Record<string, unknown> = {}): never {
  throw new TensorferryError('OPTIONS_INVALID', `remote: ${message}`, { details })
}

function checkValues(options: RemoteOptions): void {
  if (typeof options !== 'object' || options === null) {
    refuse(`expected options such as { url: 'http://127.0.0.1:8080', model: 'digits' }, got ${String(options)}`)
  }
  const known = Object.keys(CHECKS)
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) refuse(unknownName('option', name, known), { option: name })
    const expected = value === undefined ? null : CHECKS[name as keyof RemoteOptions](value)
    // A key is not repeated: messages end in logs.
    const got = name === 'apiKey' || name === 'headers' ? typeof value : (JSON.stringify(value) ?? String(value))
    if (expected !== null) refuse(`${name}: expected ${expected}, got ${got}`, { option: name })
  }
  if (options.model === undefined) refuse(`model: expected the model's name on the server, got nothing`)
  if ((options.url === undefined) === (options.urls === undefined)) {
    const got = options.url === undefined ? 'neither' : 'both'
    refuse(`expected url or urls, got ${got}`, { option: 'url' })
  }
}

function parseUrl(given: string | URL): URL {
  const url = URL.canParse(String(given)) ? new URL(given) : null
  if (url && url.protocol in SCHEMES) {
    if (!url.username && !url.password && !url.search && !url.hash) return url
    // Neither the address nor what fetch would say of it is repeated: both would tell the password.
    refuse(
      `url: ${url.protocol}//${url.host}${url.pathname} came with a user, a password or a query; send keys and tokens with headers: { authorization: '…' }`,
      { option: 'url' },
    )
  }
  return refuse(
    `url: expected an address that begins with http://, https://, grpc:// or grpcs://, got ${JSON.stringify(String(given).replace(/\/\/[^/]*@/, '//…@'))}`,
    { option: 'url' },
  )
}

function protocolOf(urls: readonly URL[], wanted: RemoteProtocol): ResolvedOptions['protocol'] {
  const kinds = new Set(urls.map((url) => SCHEMES[url.protocol]!))
  if (kinds.size > 1) refuse('urls: expected all of them to speak REST, or all gRPC')
  const [kind] = kinds
  if (wanted === 'auto') return kind!
  if (kind === 'grpc' && wanted !== 'grpc') refuse(`protocol: ${wanted} does not fit ${urls[0]!.href}`)
  return wanted
}

/** Options that would be passed over in silence. */
function checkFit(options: RemoteOptions, urls: readonly URL[]): void {
  const { certificateAuthority, fetch: given } = options
  if (certificateAuthority !== undefined && urls.some(({ protocol }) => protocol !== 'grpcs:')) {
    refuse(
      'certificateAuthority: it is for grpcs:// alone; for https:// name the PEM file in NODE_EXTRA_CA_CERTS before Node starts, or pass a fetch that trusts it',
      { option: 'certificateAuthority' },
    )
  }
  if (given !== undefined && urls.some(({ protocol }) => SCHEMES[protocol] === 'grpc')) {
    refuse('fetch: it is for http:// and https:// alone, gRPC has its own connections', { option: 'fetch' })
  }
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for an unknown name, a wrong value, or a URL that does not fit the protocol
 */
export function resolveOptions(options: RemoteOptions): ResolvedOptions {
  checkValues(options)
  const urls = (options.urls ?? [options.url!]).map(parseUrl)
  checkFit(options, urls)
  const { apiKey, headers = {} } = options
  return {
    urls: urls.map((url) => url.href.replace(/\/+$/, '').replace(/\/v2$/, '')),
    model: options.model,
    version: options.version ?? null,
    protocol: protocolOf(urls, options.protocol ?? 'auto'),
    headers: apiKey === undefined ? headers : { authorization: `Bearer ${apiKey}`, ...headers },
    timeoutMs: options.timeoutMs ?? null,
    retries: options.retries ?? 2,
    retryDelayMs: options.retryDelayMs ?? 50,
    idempotent: options.idempotent ?? false,
    hedgeAfterMs: options.hedgeAfterMs ?? null,
    // Called on its own: browsers refuse a fetch that is called as another object's method.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    certificateAuthority: options.certificateAuthority ?? null,
  }
}
