import { ERRORS, TensorferryError } from '@tensorferry/core'
import type { FastifyReply } from 'fastify'

/** A refusal that has an HTTP status of its own, such as 401; it never reaches a model. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal'
  readonly status: number
  /** What the reply's `code`, the log and the metrics call it. */
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  readonly fields: Readonly<Record<string, unknown>>

  /**
   * @param message - what came, what to do
   * @param fields - what the body has besides `error` and `code`
   */
  constructor(
    status: number,
    code: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    fields: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
    this.fields = fields
    this.status = status
    this.code = code
    this.headers = headers
  }
}

/** An error as HTTP carries it. */
export interface FailedRequest {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
  readonly fields?: Readonly<Record<string, unknown>>
}

const NO_HEADERS: Readonly<Record<string, string>> = {}

/** Codes and statuses that Fastify's own refusals have. */
function refusedByFramework(error: unknown): FailedRequest | null {
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown }
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return null
  const code = statusCode === 404 ? 'NOT_FOUND' : statusCode === 413 ? 'BODY_TOO_LARGE' : 'INPUT_INVALID'
  // Its messages repeat the address, which the client may have made long.
  return { status: statusCode, code, message: String(message).slice(0, 200), headers: NO_HEADERS }
}

/** Seconds, whole and at least one. */
function retryAfter(seconds: unknown): string {
  return String(Math.max(1, Math.ceil(typeof seconds === 'number' ? seconds : 1)))
}

/** The reply for an error. What is not the SDK's own says nothing of itself: its message may hold paths or data. */
export function describeFailure(error: unknown): FailedRequest {
  if (error instanceof HttpRefusal) return error
  if (TensorferryError.is(error)) {
    const { status } = ERRORS[error.code]
    const headers = status === 503 ? { 'retry-after': retryAfter(error.details.retryAfterSeconds) } : NO_HEADERS
    return { status, code: error.code, message: error.message, headers }
  }
  return (
    refusedByFramework(error) ?? {
      status: 500,
      code: 'RUNTIME_FAILED',
      message: 'the server failed; its log says why',
      headers: NO_HEADERS,
    }
  )
}

/** Sends `{"error": …, "code": …}`. */
export function sendFailure(
  reply: FastifyReply,
  { status, code, message, headers, fields = {} }: FailedRequest,
): FastifyReply {
  return reply
    .code(status)
    .headers({ ...headers })
    .type('application/json')
    .send(JSON.stringify({ error: message, code, ...fields }))
}
