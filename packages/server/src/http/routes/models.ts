import type { FastifyInstance } from 'fastify'
import type { ServerContext } from '../../context.ts'
import type { JsonPool } from '../../encode/json-pool.ts'
import { exampleText } from '../../protocol/example-text.ts'
import { modelConfig, modelMetadata } from '../../protocol/model-metadata.ts'
import { modelStatistics } from '../../protocol/model-statistics.ts'
import { inferWork } from '../infer.ts'
import { observe, type Work } from '../observed.ts'

/** What the address says of a model. */
export interface ModelParams {
  readonly model: string
  readonly version?: string
}

/** `/v2/models/MODEL` and `/v2/models/MODEL/versions/VERSION`, with what is below them. */
export function routeModels(app: FastifyInstance, context: ServerContext, json: JsonPool): void {
  const { repository } = context
  const infer = observe(context, 'infer', inferWork(context, json))
  const describe: Work<ModelParams> = ({ params }, _reply, { observed }) => {
    const model = repository.get(params.model, params.version)
    observed.setModel(model.name, model.version)
    return modelMetadata(model, repository.versions(model.name))
  }
  const metadata = observe(context, 'metadata', describe)
  const ready = observe<ModelParams>(context, 'ready', ({ params }, reply) => {
    const isReady = repository.isReady(params.model, params.version)
    const isKnown = repository.index().some(({ name }) => name === params.model)
    return reply.code(isReady ? 200 : isKnown ? 503 : 404).send({ name: params.model, ready: isReady })
  })
  const config = observe<ModelParams>(context, 'config', ({ params }) =>
    modelConfig(repository.get(params.model, params.version)),
  )
  const statistics = observe<ModelParams>(context, 'statistics', ({ params }) => {
    const versions = params.version === undefined ? repository.versions(params.model) : [params.version]
    const loaded = versions.filter((version) => repository.isReady(params.model, version))
    // Of nothing that is loaded: the error says what is wrong.
    const models = loaded.length > 0 ? loaded : [params.version]
    return { model_stats: models.map((version) => modelStatistics(repository.get(params.model, version))) }
  })
  const allStatistics = observe(context, 'statistics', () => ({
    model_stats: repository
      .index()
      .filter(({ state }) => state === 'READY')
      .map(({ name, version }) => modelStatistics(repository.get(name, version))),
  }))

  const example = observe<ModelParams>(context, 'example', async ({ params }, reply) => {
    const model = repository.get(params.model, params.version)
    const text = exampleText(model, await model.example())
    return reply.type('application/json').send(text)
  })

  app.get('/v2/models/stats', allStatistics)
  for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get(base, metadata)
    app.get(`${base}/ready`, ready)
    app.get(`${base}/config`, config)
    app.get(`${base}/stats`, statistics)
    app.get(`${base}/example`, example)
    app.post(`${base}/infer`, infer)
  }
}
