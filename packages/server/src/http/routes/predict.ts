import type { FastifyInstance } from 'fastify'
import type { ServerContext } from '../../context.ts'
import type { JsonPool } from '../../encode/json-pool.ts'
import { clientTimeoutOf } from '../client-timeout.ts'
import { observe, type Work } from '../observed.ts'
import { inTorchServeForm, type Rendered, renderPredictions } from '../prediction.ts'
import { readRaw } from '../raw-input.ts'
import type { ModelParams } from './models.ts'

/** Pictures and other raw inputs through a bundle's own pipeline; TorchServe's address and form of it. */
export function routePredict(app: FastifyInstance, context: ServerContext, json: JsonPool): void {
  const predict =
    (isTorchServe: boolean): Work<ModelParams> =>
    async (request, reply, { observed, signal }) => {
      const { params, body, headers } = request
      const model = context.repository.get(params.model, params.version)
      observed.setModel(model.name, model.version)
      const timeoutMs = clientTimeoutOf(request)
      const raws = await readRaw(body as Buffer | undefined, headers['content-type'], model)
      const predictions = await observed.run(() =>
        Promise.all(raws.map((raw) => model.predict(raw, { signal, timeoutMs, giveMemory: true }))),
      )
      const { type, body: rendered }: Rendered =
        isTorchServe && predictions.every(Array.isArray)
          ? { type: 'application/json', body: JSON.stringify(only(predictions.map(inTorchServeForm))) }
          : await renderPredictions(predictions, headers.accept, { model: model.name, version: model.version, json })
      return reply.type(type).send(rendered)
    }
  const own = observe(context, 'predict', predict(false))
  app.post('/predict/:model', own)
  app.post('/predict/:model/versions/:version', own)
  const torchServe = observe(context, 'predict', predict(true))
  app.route({ method: ['POST', 'PUT'], url: '/predictions/:model', handler: torchServe })
  app.route({ method: ['POST', 'PUT'], url: '/predictions/:model/:version', handler: torchServe })
}

function only<T>(values: readonly T[]): T | readonly T[] {
  return values.length === 1 ? values[0]! : values
}
