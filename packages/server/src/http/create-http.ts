import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TensorferryError } from '@tensorferry/core'
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Listener, ServerContext } from '../context.ts'
import { JsonPool } from '../encode/json-pool.ts'
import { portRefused } from '../port-refused.ts'
import type { WaitingMessage } from './body.ts'
import { ConnectionDrain } from './connection-drain.ts'
import { guardRequests } from './guards.ts'
import { describeFailure } from './http-refusal.ts'
import { stripBasePath } from './public-prefix.ts'
import { refuseUnknown } from './refuse-unknown.ts'
import { routeKserveV1 } from './routes/kserve-v1.ts'
import { routeModels } from './routes/models.ts'
import { routePages } from './routes/pages.ts'
import { createPredict, routePredict } from './routes/predict.ts'
import { routeRepository } from './routes/repository.ts'
import { routeSageMaker } from './routes/sagemaker.ts'
import { routeServer } from './routes/server.ts'
import { routeUnsupported } from './routes/unsupported.ts'

/** A request's head: 16 KiB is also what proxies take. */
const HEAD_BYTES = 16 * 1024
/** Longest part of an address: names of models are far shorter. */
const PARAMETER_LENGTH = 1024

/** What does not get as far as a request: a head that is malformed, too large, or does not come. */
function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'INPUT_INVALID', `the head is larger than ${HEAD_BYTES} bytes`]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'TIMED_OUT', 'the request did not come in time']
        : ['400 Bad Request', 'INPUT_INVALID', 'this is no HTTP request']
  const body = JSON.stringify({ error: message, code })
  const head = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close`
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`, () => socket.destroy())
}

function createServer({ options }: ServerContext): FastifyInstance {
  const { tls, clientTimeoutMs } = options
  const limits = {
    maxHeaderSize: HEAD_BYTES,
    headersTimeout: Math.min(clientTimeoutMs, 20_000),
    connectionsCheckingInterval: Math.min(1000, Math.max(50, clientTimeoutMs / 4)),
  }
  const app = fastify({
    ...(tls ? { https: { ...limits, key: tls.key, cert: tls.cert } } : { http: limits }),
    requestTimeout: clientTimeoutMs,
    keepAliveTimeout: options.idleTimeoutMs,
    trustProxy: options.trustProxy,
    routerOptions: { maxParamLength: PARAMETER_LENGTH, ignoreTrailingSlash: true },
    ...(options.basePath === '' ? {} : { rewriteUrl: stripBasePath(options.basePath) }),
    // Requests that come while it drains are answered: a load balancer did not know yet.
    return503OnClosing: false,
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) => {
      const { status, code, message } = describeFailure(error)
      void reply
        .code(status)
        .type('application/json')
        .send(JSON.stringify({ error: message, code }))
    },
  } as Parameters<typeof fastify>[0]) as unknown as FastifyInstance
  const { server } = app
  server.maxConnections = options.maxConnections
  // Who asks first whether a body is welcome is told when it is about to be read: what is refused was not sent in vain.
  server.on('checkContinue', (request: WaitingMessage, response: ServerResponse) => {
    request.welcome = () => response.writeContinue()
    server.emit('request', request, response)
  })
  return app
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    const { code } = cause as { code?: string }
    const known = portRefused({ protocol: 'HTTP', host, port, option: 'port', code, cause })
    if (known) throw known
    throw new TensorferryError(
      'BACKEND_UNAVAILABLE',
      `cannot listen on ${host} port ${port}: ${(cause as Error).message}; choose another host or port, or end what listens there`,
      { cause },
    )
  }
}

/** Serves the protocol, pictures, pages and metrics over HTTP. */
export async function createHttp(context: ServerContext): Promise<Listener> {
  const { options } = context
  const json = new JsonPool(options.jsonThreads)
  const app = createServer(context)
  const drain = new ConnectionDrain(app.server as Server)
  const access = await guardRequests(app, context, drain)
  refuseUnknown(app)
  routeServer(app, context)
  routeModels(app, context, json)
  routeRepository(app, context, access)
  const predict = createPredict(json)
  routePredict(app, context, predict)
  routeKserveV1(app, context, predict)
  routeSageMaker(app, context, predict, json)
  routeUnsupported(app, context)
  if (options.pages) await routePages(app, context, access)
  try {
    const url = await listen(app, options.host, options.port)
    return {
      url,
      close: async () => {
        await drain.close()
        await json.close()
      },
      cut: () => app.server.closeAllConnections(),
    }
  } catch (error) {
    await json.close()
    throw error
  }
}
