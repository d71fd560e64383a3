import { Metadata, type StatusObject, status } from '@grpc/grpc-js'
import { type ErrorCode, TensorferryError } from '@tensorferry/core'

/** gRPC's code for each code of the SDK. What could be tried again, here or elsewhere, is `UNAVAILABLE`: none of it was run. */
const STATUSES: Readonly<Record<ErrorCode, status>> = {
  BACKEND_NOT_INSTALLED: status.INTERNAL,
  BACKEND_UNAVAILABLE: status.UNAVAILABLE,
  BACKEND_INCOMPATIBLE: status.INTERNAL,
  DEPENDENCY_MISSING: status.INTERNAL,
  OPTIONS_INVALID: status.INTERNAL,
  FORMAT_UNSUPPORTED: status.INVALID_ARGUMENT,
  BUNDLE_INVALID: status.INTERNAL,
  INTEGRITY_FAILED: status.INTERNAL,
  DOWNLOAD_FAILED: status.INTERNAL,
  UNTRUSTED_CODE: status.PERMISSION_DENIED,
  NOT_FOUND: status.NOT_FOUND,
  INPUT_INVALID: status.INVALID_ARGUMENT,
  VERIFICATION_FAILED: status.INTERNAL,
  SESSION_DISPOSED: status.UNAVAILABLE,
  ABORTED: status.CANCELLED,
  TIMED_OUT: status.DEADLINE_EXCEEDED,
  OVERLOADED: status.UNAVAILABLE,
  OUT_OF_MEMORY: status.RESOURCE_EXHAUSTED,
  RUNTIME_FAILED: status.INTERNAL,
}

/** A refusal that has a gRPC code of its own, such as `UNAUTHENTICATED`. */
export class GrpcRefusal extends Error {
  override readonly name = 'GrpcRefusal'
  readonly status: status

  /** @param message - what came, what to do */
  constructor(code: status, message: string) {
    super(message)
    this.status = code
  }
}

/** An error as gRPC carries it, and what the logs and metrics call it. */
export interface FailedCall {
  readonly object: Partial<StatusObject> & Pick<StatusObject, 'code' | 'details'>
  readonly code: string
}

/**
 * The status of an error. Trailing metadata has the SDK's code (`tensorferry-code`) and, for a full queue, when to come again
 * (`retry-after`, seconds; `grpc-retry-pushback-ms`, which gRPC's own retries obey).
 */
export function statusOf(error: unknown): FailedCall {
  if (error instanceof GrpcRefusal) {
    return { object: { code: error.status, details: error.message }, code: status[error.status] }
  }
  if (!TensorferryError.is(error)) {
    // Not its message: it may hold paths or data that are nobody else's.
    return { object: { code: status.INTERNAL, details: 'the server failed; its log says why' }, code: 'INTERNAL' }
  }
  const metadata = new Metadata()
  metadata.set('tensorferry-code', error.code)
  const seconds = error.details.retryAfterSeconds
  if (typeof seconds === 'number') {
    metadata.set('retry-after', String(Math.ceil(seconds)))
    metadata.set('grpc-retry-pushback-ms', String(Math.ceil(seconds * 1000)))
  }
  return { object: { code: STATUSES[error.code], details: error.message, metadata }, code: error.code }
}
