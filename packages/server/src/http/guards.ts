import type { IncomingMessage } from 'node:http'
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ServerContext } from '../context.ts'
import { RateWindows } from '../protocol/rate-windows.ts'
import { type Access, createAccess } from './access.ts'
import { BodyReader } from './body.ts'
import type { ConnectionDrain } from './connection-drain.ts'
import { describeFailure, HttpRefusal, sendFailure } from './http-refusal.ts'
import { lingerAfterReply } from './linger.ts'
import { COUNTED } from './observed.ts'
import { WATCHED_BYTES, watchedReply } from './watched-reply.ts'

/** Routes that are open to everybody: probes, which have no keys, and pages, which have nothing to hide. */
const OPEN = /^\/(?:v2\/health\/(?:live|ready)|ping|docs(?:\/.*)?|openapi\.json|page\/[\w.-]+)?$/
const MODEL_READY = /^\/v2\/models\/:model(?:\/versions\/:version)?\/ready$/
const MODEL_READY_V1 = '/v1/models/:target'
/** A media type without its parameters. */
const MEDIA_TYPE = /^\s*([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)/
const JSON_AS_FRAMEWORK = 'application/json; charset=utf-8'

/** By the route that will answer: an address is read by the router alone, which knows escapes, `#` and slashes. */
function isOpen({ is404, method, routeOptions: { url } }: FastifyRequest): boolean {
  if (is404 || url === undefined) return false
  return OPEN.test(url) || MODEL_READY.test(url) || (url === MODEL_READY_V1 && method !== 'POST')
}

/** Clients send nothing, or nonsense, and a body that is right: the framework would refuse it unread. */
function tolerateContentType({ headers }: IncomingMessage): void {
  const given = headers['content-type']
  if (given === undefined || given.startsWith('multipart/')) return
  const type = MEDIA_TYPE.exec(given)?.[1]
  if (type === undefined) delete headers['content-type']
  else headers['content-type'] = type
}

interface WithBody {
  bodyBytes?: number
}

/**
 * What stands before every route: CORS, rate limit, keys, bodies within bounds, errors in one form; and after it: connections
 * that end while the server drains, and those of clients that do not read.
 */
export async function guardRequests(
  app: FastifyInstance,
  context: ServerContext,
  drain: ConnectionDrain,
): Promise<Access> {
  const { options, observer, logger } = context
  const access = createAccess(options.apiKeys, options.repositoryToken)
  const bodies = new BodyReader(options.bodyLimit)

  if (options.cors !== false) {
    await app.register(cors, {
      origin: options.cors === true ? true : [...options.cors],
      methods: ['GET', 'POST'],
      allowedHeaders: [
        'content-type',
        'content-encoding',
        'inference-header-content-length',
        'tensorferry-timeout-ms',
        'authorization',
        'x-api-key',
        'traceparent',
        'tracestate',
      ],
      exposedHeaders: ['inference-header-content-length', 'retry-after'],
      maxAge: 600,
    })
  }
  const windows = options.rateLimit && new RateWindows(options.rateLimit)
  app.addHook('onRequest', async (request) => {
    tolerateContentType(request.raw)
    if (isOpen(request)) return
    if (windows) {
      // Only a key that is right stands for a client: made-up ones would each begin anew.
      const seconds = windows.take(access.userOf(request) ?? request.ip)
      if (seconds !== null) {
        throw new HttpRefusal(429, 'OVERLOADED', `too many requests; come again in ${seconds} s`, {
          'retry-after': String(seconds),
        })
      }
    }
    access.requireUser(request)
  })

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
    const body = await bodies.read(payload)
    ;(request.raw as WithBody).bodyBytes = body.length
    return body
  })
  app.addHook('onResponse', async ({ raw }: FastifyRequest) => {
    bodies.release((raw as WithBody).bodyBytes ?? 0)
  })

  let wasReady = false
  app.addHook('onSend', async (_request, reply, payload) => {
    const isReady = context.ready()
    wasReady ||= isReady
    // Whoever is answered before the port is closed comes back to it, and may be reset there.
    if (context.draining && drain.isOpen) await drain.closed()
    // Load balancers and clients look for another server in time.
    if (context.draining || (wasReady && !isReady)) reply.header('connection', 'close')
    // JSON has no charset, and KServe's client takes errors from this very type alone.
    if (reply.getHeader('content-type') === JSON_AS_FRAMEWORK) reply.header('content-type', 'application/json')
    if (!(payload instanceof Uint8Array) || payload.byteLength < WATCHED_BYTES) return payload
    reply.header('content-length', payload.byteLength)
    return watchedReply(payload, options.clientTimeoutMs)
  })
  app.setErrorHandler((error, request, reply) => {
    const failure = describeFailure(error)
    if (failure.status === 500) logger.error({ err: error }, 'a request failed')
    const isCounted = (request.raw as { [COUNTED]?: true })[COUNTED]
    if (!isCounted) {
      observer.start({ protocol: 'http', operation: 'refused', headers: {} }).end(failure.code, failure.status)
    }
    // What is left of a body that nobody reads.
    if (!request.raw.complete) {
      reply.header('connection', 'close')
      lingerAfterReply(request.raw)
    }
    return sendFailure(reply, failure)
  })
  return access
}
