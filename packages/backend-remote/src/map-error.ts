import { ERRORS, type ErrorCode, TensorferryError } from '@tensorferry/core'
import { CERTIFICATE_CODES, grpcAdvice, restAdvice } from './connection-advice.ts'
import { Failure, type FailureKind } from './failure.ts'

/** Codes of Node and undici for a connection that was never made. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  ...CERTIFICATE_CODES,
])

/** The SDK's codes of HTTP statuses; what is not here is `RUNTIME_FAILED` from 500 on, else `INPUT_INVALID`. */
const BY_HTTP_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'OPTIONS_INVALID',
  403: 'OPTIONS_INVALID',
  404: 'NOT_FOUND',
  405: 'BACKEND_INCOMPATIBLE',
  408: 'TIMED_OUT',
  409: 'BACKEND_UNAVAILABLE',
  429: 'OVERLOADED',
  502: 'BACKEND_UNAVAILABLE',
  503: 'BACKEND_UNAVAILABLE',
  504: 'TIMED_OUT',
  507: 'OUT_OF_MEMORY',
}

/** The same of gRPC's statuses, by their numbers. */
const BY_GRPC_STATUS: Readonly<Record<number, ErrorCode>> = {
  3: 'INPUT_INVALID',
  4: 'TIMED_OUT',
  5: 'NOT_FOUND',
  7: 'OPTIONS_INVALID',
  8: 'OVERLOADED',
  9: 'INPUT_INVALID',
  11: 'INPUT_INVALID',
  12: 'BACKEND_INCOMPATIBLE',
  14: 'BACKEND_UNAVAILABLE',
  16: 'OPTIONS_INVALID',
}
const GRPC_CANCELLED = 1
const GRPC_DEADLINE_EXCEEDED = 4
const GRPC_RESOURCE_EXHAUSTED = 8
const GRPC_UNAVAILABLE = 14

/** What grpc-js says when it had no connection to send on, or the server took the stream back unread (REFUSED_STREAM of HTTP/2). */
const GRPC_UNSENT = /^(No connection established|Name resolution failed|Failed to connect|Resolution|Stream refused)/

const ADVICE: Partial<Record<ErrorCode, string>> = {
  OPTIONS_INVALID: 'check the option apiKey or headers',
  NOT_FOUND: 'check the options model and version',
}

/** Why a fetch failed, from the depths of its causes. */
function reasonOf(error: unknown): { readonly code: string; readonly text: string } {
  let code = ''
  let text = ''
  for (let at = error; at instanceof Error; at = at.cause) {
    const inner = at instanceof AggregateError && at.errors[0] instanceof Error ? at.errors[0] : at
    code = (inner as { code?: string }).code ?? code
    text = inner.message || text
  }
  return { code, text: (text || String(error)).trim() }
}

function failure(
  kind: FailureKind,
  code: ErrorCode,
  message: string,
  { cause, retryAfterMs = null, details = {} }: FailureParts = {},
): Failure {
  const withRetry = retryAfterMs === null ? details : { ...details, retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }
  return new Failure(kind, new TensorferryError(code, message, { cause, details: withRetry }), retryAfterMs)
}

interface FailureParts {
  readonly cause?: unknown
  readonly retryAfterMs?: number | null
  readonly details?: Record<string, unknown>
}

/** A request that got no whole answer. */
export function mapFetchError(url: string, error: unknown): Failure {
  const { code, text } = reasonOf(error)
  const what = `${code && !text.includes(code) ? `${code}: ` : ''}${text}`
  if (UNSENT.has(code)) {
    return failure('unsent', 'BACKEND_UNAVAILABLE', `${url} cannot be reached: ${what}; ${restAdvice(code)}`, {
      cause: error,
      details: { url },
    })
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return failure('broken', 'TIMED_OUT', `${url} did not answer within fetch's own limit: ${what}`, { cause: error })
  }
  const advice = code.startsWith('HPE_') ? `; ${restAdvice(code)}` : ''
  return failure('broken', 'BACKEND_UNAVAILABLE', `${url} broke off before it answered: ${what}${advice}`, {
    cause: error,
    details: { url },
  })
}

/** The text of an error reply: the protocol's `error`, FastAPI's `detail`, else the beginning of the body. */
function textOf(body: unknown, raw: string): string {
  const { error, detail } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  for (const text of [error, detail]) {
    if (typeof text === 'string') return text
    if (text !== undefined) return JSON.stringify(text).slice(0, 500)
  }
  return raw.trim().slice(0, 200) || 'no text'
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code)
}

/** `Retry-After` in milliseconds; dates are not read. */
function retryAfter(value: string | null | undefined): number | null {
  return value && /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : null
}

/**
 * Codes that a server gives of itself and that would say something else of this session: it was disposed, the caller has left.
 */
function ownCode(code: ErrorCode): ErrorCode {
  if (code === 'SESSION_DISPOSED') return 'BACKEND_UNAVAILABLE'
  return code === 'ABORTED' ? 'RUNTIME_FAILED' : code
}

/** An error reply over HTTP. */
export function mapHttpError(url: string, status: number, headers: Headers, raw: string): Failure {
  let body: unknown
  try {
    body = JSON.parse(raw)
  } catch {
    body = null
  }
  const given = (body as { code?: unknown } | null)?.code
  const fallback: ErrorCode = status >= 500 ? 'RUNTIME_FAILED' : 'INPUT_INVALID'
  const retryAfterMs = retryAfter(headers.get('retry-after'))
  const isRefusal = given === 'SESSION_DISPOSED' || ((status === 503 || status === 429) && retryAfterMs !== null)
  // Our own server says so while it loads or closes: nothing was run, and others may be better.
  const isAway = given === 'BACKEND_UNAVAILABLE' && status === 503
  const overloaded = status === 503 && retryAfterMs !== null ? 'OVERLOADED' : null
  const code = isCode(given) ? ownCode(given) : (overloaded ?? BY_HTTP_STATUS[status] ?? fallback)
  const advice = ADVICE[code] && !isCode(given) ? `; ${ADVICE[code]}` : ''
  const isGateway = status >= 502 && status <= 504 && !isCode(given)
  const kind = isAway ? 'unsent' : isRefusal ? 'refused' : isGateway ? 'broken' : 'answered'
  return failure(kind, code, `${url} answered ${status}: ${textOf(body, raw)}${advice}`, {
    retryAfterMs,
    details: { url, status },
  })
}

/** What is read of an error of grpc-js. */
export interface GrpcError {
  readonly code: number
  readonly details: string
  /** Of the trailers; empty when the error was made here. */
  metadata(name: string): string | undefined
  readonly isFromServer: boolean
}

/** An error of a gRPC call. */
export function mapGrpcError(url: string, error: GrpcError, cause: unknown): Failure {
  const given = error.metadata('tensorferry-code')
  const code = isCode(given) ? ownCode(given) : (BY_GRPC_STATUS[error.code] ?? 'RUNTIME_FAILED')
  const retryAfterMs = retryAfter(error.metadata('retry-after'))
  const parts = { cause, retryAfterMs, details: { url, status: error.code } }
  const advice = ADVICE[code] && !isCode(given) ? `; ${ADVICE[code]}` : ''
  const message = `${url} answered: ${error.details}${advice}`
  if (error.isFromServer) {
    if (given === 'BACKEND_UNAVAILABLE') return failure('unsent', code, message, parts)
    const isRefusal = error.code === GRPC_UNAVAILABLE || (error.code === GRPC_RESOURCE_EXHAUSTED && !isCode(given))
    return failure(isRefusal ? 'refused' : 'answered', code, message, parts)
  }
  if (error.code === GRPC_UNAVAILABLE && GRPC_UNSENT.test(error.details)) {
    // grpc-js ends with what the name's resolution noted, which is nothing as a rule.
    const reason = error.details.replace(/[.\s]*Resolution note:\s*$/, '')
    return failure('unsent', code, `${url} did not take the call: ${reason}; ${grpcAdvice(reason)}`, parts)
  }
  if (error.code === GRPC_DEADLINE_EXCEEDED) return failure('broken', 'TIMED_OUT', message, parts)
  const isBroken = error.code === GRPC_UNAVAILABLE || error.code === GRPC_CANCELLED || error.code === 13
  return failure(isBroken ? 'broken' : 'answered', code, message, parts)
}

/** An answer that is none: the server does not keep to the protocol. */
export function mapBadReply(url: string, error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error)
  const hint = /is null/.test(text)
    ? '; this server writes NaN and infinities as null in JSON: use gRPC or rest-binary'
    : ''
  return failure(
    'answered',
    'RUNTIME_FAILED',
    `${url} answered with something else than the protocol's reply: ${text}${hint}`,
    {
      cause: error,
      details: { url },
    },
  )
}
