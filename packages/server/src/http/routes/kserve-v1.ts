import type { FastifyInstance } from 'fastify'
import type { ServerContext } from '../../context.ts'
import { HttpRefusal } from '../http-refusal.ts'
import { observe } from '../observed.ts'
import type { Predict } from './predict.ts'

/** `digits:predict`, `digits`: the last part of an address. */
interface TargetParams {
  readonly target: string
  readonly model?: string
}

const VERB = ':predict'

/** KServe's first protocol: which models there are, whether one is ready, and `:predict` with `instances`. */
export function routeKserveV1(app: FastifyInstance, context: ServerContext, predict: Predict): void {
  const { repository } = context
  app.get(
    '/v1/models',
    observe(context, 'index', () => {
      const ready = repository.index().filter(({ state }) => state === 'READY')
      return { models: [...new Set(ready.map(({ name }) => name))] }
    }),
  )
  app.get(
    '/v1/models/:target',
    observe<TargetParams>(context, 'ready', ({ params: { target } }, reply) => {
      const isReady = repository.isReady(target)
      const isKnown = repository.index().some(({ name }) => name === target)
      return reply.code(isReady ? 200 : isKnown ? 503 : 404).send({ name: target, ready: isReady })
    }),
  )
  const route = observe<TargetParams>(context, 'predict', (request, reply, call) => {
    const { target, model } = request.params
    if (!target.endsWith(VERB)) {
      const verb = /:([^:]*)$/.exec(target)?.[1]
      if (verb === undefined) {
        const message = `this address takes GET, HEAD; POST goes to /v1/models/${target.slice(0, 100)}${VERB}`
        throw new HttpRefusal(405, 'METHOD_NOT_ALLOWED', message, { allow: 'GET, HEAD' })
      }
      throw new HttpRefusal(404, 'NOT_FOUND', `nothing is at :${verb.slice(0, 100)}; of this protocol there is ${VERB}`)
    }
    const named = target.slice(0, -VERB.length)
    const found = model === undefined ? repository.get(named) : repository.get(model, named)
    return predict(request, reply, call, found, 'kserve')
  })
  app.post('/v1/models/:target', route)
  // TensorFlow Serving's.
  app.post('/v1/models/:model/versions/:target', route)
}
