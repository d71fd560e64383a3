import type { FastifyReply, FastifyRequest, RouteGenericInterface, RouteHandlerMethod } from 'fastify'
import type { ServerContext } from '../context.ts'
import type { ObservedRequest } from '../observe/request-observer.ts'
import { LeavingClient } from '../protocol/leaving-client.ts'
import { describeFailure, sendFailure } from './http-refusal.ts'

/** What a route works with besides the request. */
interface Call {
  readonly observed: ObservedRequest
  /** Fires when the client has left. */
  readonly signal: AbortSignal
}

/** Work of a route; what it gives is sent, unless it has sent the reply itself. */
export type Work<P> = (
  request: FastifyRequest<{ Params: P }>,
  reply: FastifyReply,
  call: Call,
) => Promise<FastifyReply | object> | FastifyReply | object

/** Marks requests that are counted, so that none is counted twice. */
export const COUNTED: unique symbol = Symbol('counted')

/** Makes a route's handler: counted, traced, cut off when the client leaves, every error in the protocol's form. */
export function observe<P extends RouteGenericInterface['Params'] = unknown>(
  { observer, logger }: Pick<ServerContext, 'observer' | 'logger'>,
  operation: string,
  work: Work<P>,
): RouteHandlerMethod {
  const handle = async (
    request: FastifyRequest<{ Params: P }>,
    reply: FastifyReply,
  ): Promise<FastifyReply | object> => {
    const observed = observer.start({ protocol: 'http', operation, headers: request.headers })
    ;(request.raw as { [COUNTED]?: true })[COUNTED] = true
    const client = new LeavingClient()
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) client.leave()
    })
    // While the body was unpacked or joined.
    if (reply.raw.destroyed) client.leave()
    try {
      const result = await work(request, reply, { observed, signal: client.signal })
      observed.end('OK', reply.statusCode)
      return result
    } catch (error) {
      const failure = describeFailure(error)
      if (failure.status === 500) logger.error({ err: error, operation }, 'a request failed')
      observed.end(failure.code, failure.status)
      return sendFailure(reply, failure)
    }
  }
  return handle as unknown as RouteHandlerMethod
}
