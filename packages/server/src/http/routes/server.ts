import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ServerContext } from '../../context.ts'
import { serverMetadata } from '../../protocol/server-metadata.ts'
import { observe } from '../observed.ts'

/** What the server says of itself: probes, metadata, metrics. Probes are not counted: they come every second. */
export function routeServer(app: FastifyInstance, context: ServerContext): void {
  const status = (reply: FastifyReply, isGood: boolean): FastifyReply => reply.code(isGood ? 200 : 503)
  // The specification calls the field of both probes `live` in one place, and `ready` in another.
  app.get('/v2/health/live', (_, reply) => status(reply, context.live()).send({ live: context.live() }))
  app.get('/v2/health/ready', (_, reply) =>
    status(reply, context.ready()).send({ ready: context.ready(), live: context.live() }),
  )
  // TorchServe's.
  app.get('/ping', (_, reply) =>
    status(reply, context.ready()).send({ status: context.ready() ? 'Healthy' : 'Unhealthy' }),
  )
  const metadata = serverMetadata()
  app.get(
    '/v2',
    observe(context, 'metadata', () => metadata),
  )
  const { metrics } = context
  app.get('/metrics', async (_, reply) => reply.type(metrics.registry.contentType).send(await metrics.text()))
}
