import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ServerContext } from '../../context.ts'
import type { JsonPool } from '../../encode/json-pool.ts'
import type { ServedModel } from '../../models/served-model.ts'
import { isPlain } from '../../protocol/raw-specs.ts'
import { clientTimeoutOf } from '../client-timeout.ts'
import { observe, type Work } from '../observed.ts'
import { inferAll, predictAll } from '../predict.ts'
import { inTorchServeForm, predictionsOf, type Rendered, renderInstances, renderPredictions } from '../prediction.ts'
import { readRaw } from '../raw-input.ts'
import type { ModelParams } from './models.ts'

/** Who asks: the form of the reply is his. */
type PredictForm =
  | 'own'
  /** Labels as `{label: score}`. */
  | 'torchserve'
  /** Always `{"predictions": […]}`. */
  | 'kserve'

/** Pictures, tensors or `instances` of them through a model, and the reply. */
export type Predict = (
  request: FastifyRequest,
  reply: FastifyReply,
  call: Parameters<Work<unknown>>[2],
  model: ServedModel,
  form: PredictForm,
) => Promise<FastifyReply>

/** Makes the work that all addresses of `predict` share. */
export function createPredict(json: JsonPool): Predict {
  return async (request, reply, { observed, signal }, model, form) => {
    observed.setModel(model.name, model.version)
    const { body, headers } = request
    const timeoutMs = clientTimeoutOf(request)
    const { items, isInstances } = await readRaw(body as Buffer | undefined, headers['content-type'], model, json)
    const what = isInstances ? 'instances' : 'files'
    const rendered = await observed.run(async (): Promise<Rendered> => {
      if (isPlain(model)) {
        const texts = await inferAll(model, items, what, { signal, timeoutMs })
        return isInstances || form === 'kserve' ? predictionsOf(texts) : { type: 'application/json', body: texts[0]! }
      }
      const predictions = await predictAll(model, items, what, { signal, timeoutMs })
      const options = { model: model.name, version: model.version, json }
      if (isInstances || form === 'kserve') return renderInstances(predictions, options)
      if (form === 'torchserve' && predictions.every(Array.isArray)) {
        return { type: 'application/json', body: JSON.stringify(only(predictions.map(inTorchServeForm))) }
      }
      return renderPredictions(predictions, headers.accept, options)
    })
    return reply.type(rendered.type).send(rendered.body)
  }
}

/** Pictures and other raw inputs through a bundle's own pipeline; TorchServe's address and form of it. */
export function routePredict(app: FastifyInstance, context: ServerContext, predict: Predict): void {
  const route = (form: PredictForm): ReturnType<typeof observe> =>
    observe<ModelParams>(context, 'predict', (request, reply, call) => {
      const { model, version } = request.params
      return predict(request, reply, call, context.repository.get(model, version), form)
    })
  const own = route('own')
  app.post('/predict/:model', own)
  app.post('/predict/:model/versions/:version', own)
  const torchServe = route('torchserve')
  app.route({ method: ['POST', 'PUT'], url: '/predictions/:model', handler: torchServe })
  app.route({ method: ['POST', 'PUT'], url: '/predictions/:model/:version', handler: torchServe })
}

function only<T>(values: readonly T[]): T | readonly T[] {
  return values.length === 1 ? values[0]! : values
}
