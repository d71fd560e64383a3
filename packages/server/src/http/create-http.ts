// Interim, until the HTTP part is written: the protocol's routes without pages, limits and TLS.
import { createHash, timingSafeEqual } from 'node:crypto'
import { ERRORS, TensorferryError } from '@tensorferry/core'
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Listener, ServerContext } from '../context.ts'
import { encodeInferReply, selectOutputs } from '../protocol/infer-reply.ts'
import { readInferRequest } from '../protocol/infer-request.ts'
import { modelConfig, modelMetadata } from '../protocol/model-metadata.ts'
import { modelStatistics } from '../protocol/model-statistics.ts'
import { serverMetadata } from '../protocol/server-metadata.ts'
import { ConnectionDrain } from './connection-drain.ts'

interface Params {
  readonly model: string
  readonly version?: string
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  const typed = TensorferryError.is(error) ? error : null
  const status = typed ? ERRORS[typed.code].status : ((error as { statusCode?: number }).statusCode ?? 500)
  if (typed?.code === 'OVERLOADED') reply.header('retry-after', String(typed.details.retryAfterSeconds ?? 1))
  return reply.code(status).send({ error: (error as Error).message, ...(typed ? { code: typed.code } : {}) })
}

/** Serves the protocol over HTTP. */
export async function createHttp(context: ServerContext): Promise<Listener> {
  const { options, repository, observer, metrics } = context
  const app = fastify({
    bodyLimit: options.bodyLimit,
    maxParamLength: 1024,
    exposeHeadRoutes: false,
    return503OnClosing: false,
  })
  const drain = new ConnectionDrain(app.server)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, _request, reply) => sendError(reply, error))
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `no route ${request.method} ${request.url}` }),
  )
  let wasReady = false
  app.addHook('onSend', async (_request, reply) => {
    wasReady ||= context.ready()
    if (context.draining || (wasReady && !context.ready())) reply.header('connection', 'close')
  })
  const keys = options.apiKeys.map(digest)
  app.addHook('onRequest', async (request, reply) => {
    if (keys.length === 0 || request.url.startsWith('/v2/health/') || request.url === '/ping') return
    const shown = request.headers.authorization?.replace(/^bearer /i, '') ?? String(request.headers['x-api-key'] ?? '')
    const isKnown = keys.filter((key) => timingSafeEqual(key, digest(shown))).length > 0
    if (!isKnown) await reply.code(401).send({ error: 'this server asks for an API key: Authorization: Bearer KEY' })
  })

  app.get('/v2/health/live', (_request, reply) => reply.code(context.live() ? 200 : 503).send({ live: context.live() }))
  app.get('/v2/health/ready', (_request, reply) =>
    reply.code(context.ready() ? 200 : 503).send({ ready: context.ready() }),
  )
  app.get('/ping', (_request, reply) => reply.code(context.ready() ? 200 : 503).send({ status: 'Healthy' }))
  app.get('/v2', () => serverMetadata())
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  )
  app.get('/v2/models/stats', () => ({
    model_stats: repository
      .index()
      .filter(({ state }) => state === 'READY')
      .map(({ name, version }) => modelStatistics(repository.get(name, version))),
  }))
  app.post('/v2/repository/index', () => repository.index())
  app.post<{ Params: Params & { action: string } }>('/v2/repository/models/:model/:action', async (request, reply) => {
    const shown = request.headers.authorization?.replace(/^bearer /i, '') ?? ''
    if (options.repositoryToken === null || !timingSafeEqual(digest(options.repositoryToken), digest(shown))) {
      return reply.code(403).send({ error: 'load and unload are switched off, or ask for the repository token' })
    }
    const { model, action } = request.params
    if (action === 'load') await repository.load(model)
    else if (action === 'unload') await repository.unload(model)
    else return reply.code(404).send({ error: `no route ${request.url}` })
    return {}
  })

  const observed = async (
    request: FastifyRequest<{ Params: Params }>,
    reply: FastifyReply,
    operation: string,
    work: (one: ReturnType<typeof observer.start>, signal: AbortSignal) => Promise<FastifyReply>,
  ): Promise<FastifyReply> => {
    const one = observer.start({ protocol: 'http', operation, headers: request.headers })
    const gone = new AbortController()
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort()
    })
    try {
      const sent = await work(one, gone.signal)
      one.end('OK', 200)
      return sent
    } catch (error) {
      one.end(TensorferryError.is(error) ? error.code : 'RUNTIME_FAILED', 500)
      return sendError(reply, error)
    }
  }
  const predict = (request: FastifyRequest<{ Params: Params }>, reply: FastifyReply): Promise<FastifyReply> =>
    observed(request, reply, 'predict', async (one, signal) => {
      const model = repository.get(request.params.model)
      one.setModel(model.name, model.version)
      return reply.send(await one.run(() => model.predict(request.body as Uint8Array, { signal })))
    })
  app.post<{ Params: Params }>('/predict/:model', predict)
  app.post<{ Params: Params }>('/predictions/:model', predict)

  for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    const get = ({ params }: FastifyRequest<{ Params: Params }>) => repository.get(params.model, params.version)
    app.get<{ Params: Params }>(base, (request) => {
      const model = get(request)
      return modelMetadata(model, repository.versions(model.name))
    })
    app.get<{ Params: Params }>(`${base}/ready`, ({ params }, reply) => {
      const ready = repository.isReady(params.model, params.version)
      return reply.code(ready ? 200 : 503).send({ name: params.model, ready })
    })
    app.get<{ Params: Params }>(`${base}/config`, (request) => modelConfig(get(request)))
    app.get<{ Params: Params }>(`${base}/stats`, (request) => ({ model_stats: [modelStatistics(get(request))] }))
    app.post<{ Params: Params }>(`${base}/infer`, (request, reply) =>
      observed(request, reply, 'infer', async (one, signal) => {
        const model = get(request)
        one.setModel(model.name, model.version)
        const header = request.headers['inference-header-content-length']
        const read = readInferRequest(request.body as Uint8Array, header === undefined ? null : Number(header))
        const outputs = await one.run(() =>
          model.infer(read.inputs, {
            outputs: read.outputs?.map(({ name }) => name),
            signal,
            timeoutMs: read.timeoutMs ?? undefined,
          }),
        )
        const selected = selectOutputs(read, outputs, model.labels)
        const { body, headerBytes } = encodeInferReply({
          model: model.name,
          version: model.version,
          id: read.id,
          outputs: selected,
        })
        if (headerBytes !== null) reply.header('inference-header-content-length', String(headerBytes))
        return reply.type(headerBytes === null ? 'application/json' : 'application/octet-stream').send(body)
      }),
    )
  }

  try {
    const url = await app.listen({ host: options.host, port: options.port })
    return { url, close: () => drain.close(), cut: () => app.server.closeAllConnections() }
  } catch (cause) {
    throw new TensorferryError(
      'BACKEND_UNAVAILABLE',
      `cannot listen on ${options.host} port ${options.port}: ${(cause as Error).message}`,
      { cause },
    )
  }
}
