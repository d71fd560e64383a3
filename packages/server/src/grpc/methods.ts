import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import { TensorferryError } from '@tensorferry/core'
import type {
  ModelInferRequest,
  ModelRequest,
  RepositoryModelRequest,
} from '@tensorferry/inference-protocol/grpc-messages'
import type { ServerContext } from '../context.ts'
import { modelConfig, modelMetadata } from '../protocol/model-metadata.ts'
import { modelStatistics } from '../protocol/model-statistics.ts'
import { serverMetadata } from '../protocol/server-metadata.ts'
import { createAccess } from './access.ts'
import { Health } from './health.ts'
import { infer } from './infer.ts'
import { metadataMessage } from './metadata-message.ts'
import { createRateLimit } from './rate-limit.ts'
import { InferStreams } from './stream-infer.ts'
import { admission, unary } from './unary.ts'

/** The service's methods, and what ends its streams. */
export interface Methods {
  readonly implementation: UntypedServiceImplementation
  readonly streams: InferStreams
  readonly health: Health
}

/** Every method of the service; what is not among them is answered with `UNIMPLEMENTED` by gRPC itself. */
export function createMethods(context: ServerContext): Methods {
  const { repository, options } = context
  const access = createAccess(options.apiKeys, options.repositoryToken)
  const rateLimit = createRateLimit(options.rateLimit, access)
  const everybody = (): void => {}
  const users = admission(rateLimit, access.requireUser)
  const operators = admission(rateLimit, access.requireOperator)
  const streams = new InferStreams(context, users)

  const implementation: UntypedServiceImplementation = {
    // Health is open: a probe has no key.
    ServerLive: unary(context, 'health', everybody, () => ({ live: context.live() })),
    ServerReady: unary(context, 'health', everybody, () => ({ ready: context.ready() })),
    ModelReady: unary(context, 'health', everybody, ({ name, version }: ModelRequest) => ({
      ready: !context.draining && repository.isReady(name, version || undefined),
    })),
    ServerMetadata: unary(context, 'metadata', users, serverMetadata),
    ModelMetadata: unary(context, 'metadata', users, ({ name, version }: ModelRequest, { observed }) => {
      const model = repository.get(name, version || undefined)
      observed.setModel(model.name, model.version)
      return metadataMessage(modelMetadata(model, repository.versions(model.name)))
    }),
    ModelConfig: unary(context, 'config', users, ({ name, version }: ModelRequest, { observed }) => {
      const model = repository.get(name, version || undefined)
      observed.setModel(model.name, model.version)
      return { config: modelConfig(model) }
    }),
    ModelInfer: unary(context, 'infer', users, (request: ModelInferRequest, { call, observed, signal }) =>
      infer(context, observed, call, request, signal),
    ),
    ModelStreamInfer: streams.handle,
    ModelStatistics: unary(context, 'statistics', users, ({ name, version }: ModelRequest) => ({
      model_stats: statisticsOf(context, name, version),
    })),
    RepositoryIndex: unary(context, 'index', users, ({ ready }: { ready: boolean }) => ({
      models: repository.index().filter(({ state }) => !ready || state === 'READY'),
    })),
    RepositoryModelLoad: unary(context, 'load', operators, async (request: RepositoryModelRequest) => {
      const given = Object.keys(request.parameters)
      if (given.length > 0) {
        throw new TensorferryError(
          'INPUT_INVALID',
          `load takes no parameters here, got ${given.join(', ')}: a model is loaded as the server was started with it`,
        )
      }
      await repository.load(request.model_name)
      return {}
    }),
    RepositoryModelUnload: unary(context, 'unload', operators, async (request: RepositoryModelRequest) => {
      await repository.unload(request.model_name)
      return {}
    }),
  }
  return { implementation, streams, health: new Health(context, users) }
}

function statisticsOf({ repository }: ServerContext, name: string, version: string): readonly unknown[] {
  if (name !== '' && version !== '') {
    const model = repository.get(name, version)
    return [modelStatistics(model)]
  }
  // An unknown name is NOT_FOUND, not an empty list.
  if (name !== '') repository.get(name)
  return repository
    .index()
    .filter((entry) => entry.state === 'READY' && (name === '' || entry.name === name))
    .map((entry) => modelStatistics(repository.get(entry.name, entry.version)))
}
