import { type handleUnaryCall, type Metadata, status } from '@grpc/grpc-js'
import type { ServerContext } from '../context.ts'
import type { ObservedRequest, RequestHead } from '../observe/request-observer.ts'
import { LeavingClient } from '../protocol/leaving-client.ts'
import type { IncomingCall } from './call.ts'
import type { RateLimit } from './rate-limit.ts'
import { statusOf } from './status.ts'

/** What a method gets besides its message. */
interface MethodCall {
  readonly call: IncomingCall
  readonly observed: ObservedRequest
  /** Fires when the client cancels, its deadline passes, or it is gone. */
  readonly signal: AbortSignal
}

/** A method of the service. */
export type Method<Request, Response> = (request: Request, call: MethodCall) => Response | Promise<Response>

/** Headers for the trace context: text alone. */
export function headersOf(metadata: Metadata): RequestHead['headers'] {
  return metadata.getMap() as RequestHead['headers']
}

/**
 * Makes a handler: one call is observed, let in or refused, run, and answered with a message or a status.
 *
 * @param operation - a word for metrics and logs
 * @param admit - throws when the caller may not
 */
export function unary<Request, Response>(
  context: ServerContext,
  operation: string,
  admit: (call: IncomingCall) => void,
  method: Method<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const observed = context.observer.start({ protocol: 'grpc', operation, headers: headersOf(call.metadata) })
    const client = new LeavingClient()
    call.on('cancelled', () => {
      client.leave()
      observed.end('ABORTED', 'CANCELLED')
    })
    const answer = async (): Promise<Response> => {
      admit(call)
      return method(call.request, { call, observed, signal: client.signal })
    }
    answer().then(
      (response) => {
        observed.end('OK', 'OK')
        callback(null, response)
      },
      (error: unknown) => {
        const { object, code } = statusOf(error)
        if (code === 'INTERNAL') context.logger.error({ err: error, operation }, 'gRPC method failed')
        observed.end(code, status[object.code]!)
        callback(object)
      },
    )
  }
}

/** Lets everybody in within the rate limit; what else is asked is up to `require`. */
export function admission(rateLimit: RateLimit, require?: (metadata: Metadata) => void): (call: IncomingCall) => void {
  return (call) => {
    // First, so that guesses of keys are counted too.
    rateLimit.take(call)
    require?.(call.metadata)
  }
}
