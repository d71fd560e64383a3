import { bodyExamples, type DescribedModel, instancesOf, withExamples } from './examples.ts'
import { SCHEMAS } from './schemas.ts'

const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: object): object => ({ 'application/json': { schema } })
const parameter = (name: string, description: string): object => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string', minLength: 1 },
})
const MODEL = parameter('model', 'name of the model')
const VERSION = parameter('version', 'without it in the address: the newest that is ready')
const TIMEOUT = {
  name: 'Tensorferry-Timeout-Ms',
  in: 'header',
  description: 'milliseconds that the client waits, the queue included',
  schema: { type: 'number', minimum: 1 },
}
const FAILURES: Readonly<Record<string, string>> = {
  400: 'the request is malformed, or does not fit the model',
  401: 'an API key is missing',
  403: 'load and unload are off, or the token is missing',
  404: 'no such model or version',
  405: 'the address has other methods: Allow says which',
  406: 'no form that is accepted',
  408: 'the request came too slowly',
  409: 'the model was unloaded meanwhile',
  413: 'the body is too large',
  415: 'the body is in a form that is not known',
  429: 'too many requests; Retry-After says when to come again',
  500: 'the model failed',
  503: 'not ready, or the queue is full; Retry-After says when to come again',
  504: 'the time was over before the model had run',
  507: 'memory is lacking',
}

function failures(statuses: readonly number[]): Record<string, object> {
  return Object.fromEntries(
    statuses.map((status) => [status, { description: FAILURES[status], content: json(ref('Error')) }]),
  )
}

interface Operation {
  readonly id: string
  readonly summary: string
  readonly tag: string
  readonly gives?: object
  readonly takes?: { readonly content: object; readonly required: boolean }
  readonly parameters?: readonly object[]
  readonly fails?: readonly number[]
}

function operation({ id, summary, tag, gives, takes, parameters = [], fails = [] }: Operation): object {
  return {
    operationId: id,
    summary,
    tags: [tag],
    parameters,
    ...(takes ? { requestBody: takes } : {}),
    responses: {
      200: { description: 'done', ...(gives ? { content: gives } : {}) },
      ...failures([401, 405, 429, ...fails]),
    },
  }
}

const INFER_FAILS = [400, 404, 408, 409, 413, 415, 500, 503, 504, 507]
const OBJECT = json({ type: 'object' })
const OPTIONAL_OBJECT = { required: false, content: OBJECT }
const FILE = { schema: { type: 'string', format: 'binary' } }
const BASE64 = 'a picture under its name in base64, {"shape", "data"} of a tensor, or instances of these'
const pictureContent = (examples: object | undefined): NonNullable<Operation['takes']> => ({
  required: true,
  content: {
    'application/json': { schema: { type: 'object', description: BASE64 }, ...(examples ? { examples } : {}) },
    'application/octet-stream': FILE,
    'image/png': FILE,
    'image/jpeg': FILE,
    'image/webp': FILE,
    'multipart/form-data': {
      schema: { type: 'object', properties: { image: { type: 'string', format: 'binary' } }, required: ['image'] },
    },
  },
})
const RESULT = {
  'application/json': { schema: { description: 'labels, tensors, or an image in base64' } },
  'image/png': FILE,
  'image/jpeg': FILE,
  'image/webp': FILE,
}

function parametersOf(models: readonly DescribedModel[], hasVersion: boolean): readonly object[] {
  const model = withExamples(MODEL, models, ({ name }) => name)
  return hasVersion ? [model, withExamples(VERSION, models, ({ version }) => version)] : [model]
}

/** The operations of a model, at both of its addresses. */
function modelPaths(base: string, suffix: string, models: readonly DescribedModel[]): Record<string, object> {
  const parameters = parametersOf(models, suffix !== '')
  const inferring = models.filter(({ infer }) => infer !== null)
  const inferExamples = bodyExamples(inferring, ({ infer }) => infer)
  const get = (id: string, summary: string, schema: string): object => ({
    get: operation({
      id: `${id}${suffix}`,
      summary,
      tag: 'models',
      parameters,
      gives: json(ref(schema)),
      fails: [400, 404, 503],
    }),
  })
  return {
    [base]: get('modelMetadata', 'What the model takes and gives', 'ModelMetadata'),
    [`${base}/ready`]: {
      get: {
        operationId: `modelReady${suffix}`,
        summary: 'Whether the model is ready',
        tags: ['models'],
        parameters,
        responses: {
          200: { description: 'it is', content: json(ref('ModelReady')) },
          400: { description: FAILURES[400], content: json(ref('Error')) },
          404: { description: 'there is none of that name', content: json(ref('ModelReady')) },
          ...failures([405]),
          503: { description: 'it is known and not ready', content: json(ref('ModelReady')) },
        },
      },
    },
    [`${base}/config`]: get('modelConfig', "The model's configuration in Triton's words", 'ModelConfig'),
    [`${base}/stats`]: get('modelStatistics', 'What was counted of the model', 'Statistics'),
    [`${base}/example`]: get('modelExample', 'Requests that the model answers, from its goldens', 'ModelExample'),
    [`${base}/infer`]: {
      post: operation({
        id: `infer${suffix}`,
        summary: 'Tensors in, tensors out',
        tag: 'inference',
        parameters: [...parametersOf(inferring.length > 0 ? inferring : models, suffix !== ''), TIMEOUT],
        takes: {
          required: true,
          content: {
            'application/json': { schema: ref('InferRequest'), ...(inferExamples ? { examples: inferExamples } : {}) },
          },
        },
        gives: {
          ...json(ref('InferReply')),
          'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
        },
        fails: INFER_FAILS,
      }),
    },
  }
}

interface PredictPath {
  readonly id: string
  readonly summary: string
  readonly models: readonly DescribedModel[]
  readonly hasVersion?: boolean
  readonly method?: string
}

function predictPath({ id, summary, models, hasVersion = false, method = 'post' }: PredictPath): object {
  const predicting = models.filter(({ predict }) => predict !== null)
  const parameters = parametersOf(predicting.length > 0 ? predicting : models, hasVersion)
  return {
    [method]: operation({
      id,
      summary,
      tag: 'inference',
      parameters: [...parameters, TIMEOUT],
      takes: pictureContent(bodyExamples(predicting, ({ predict }) => predict)),
      gives: RESULT,
      fails: [...INFER_FAILS, 406],
    }),
  }
}

/** A probe: 200 or 503, with a body either way. */
function probe(id: string, summary: string): object {
  const content = json({ type: 'object' })
  return {
    get: {
      operationId: id,
      summary,
      tags: ['server'],
      security: [],
      responses: { 200: { description: 'yes', content }, ...failures([405]), 503: { description: 'no', content } },
    },
  }
}

/** What others' protocols have: KServe's first one, and SageMaker. */
function foreignPaths(models: readonly DescribedModel[]): Record<string, object> {
  const predicting = models.filter(({ predict }) => predict !== null)
  const examples = bodyExamples(predicting, instancesOf)
  const parameters = parametersOf(predicting.length > 0 ? predicting : models, false)
  const instances = { schema: ref('Instances'), ...(examples ? { examples } : {}) }
  const ready = json(ref('ModelReady'))
  return {
    '/v1/models': {
      get: operation({
        id: 'modelsV1',
        summary: 'Names of the models that are ready',
        tag: 'others',
        gives: json({
          type: 'object',
          required: ['models'],
          properties: { models: { type: 'array', items: { type: 'string' } } },
        }),
      }),
    },
    '/v1/models/{model}': {
      get: {
        operationId: 'modelReadyV1',
        summary: 'Whether the model is ready, as KServe asks',
        tags: ['others'],
        parameters,
        responses: {
          200: { description: 'it is', content: ready },
          400: { description: FAILURES[400], content: json(ref('Error')) },
          404: { description: 'there is none of that name', content: ready },
          ...failures([405]),
          503: { description: 'it is known and not ready', content: ready },
        },
      },
    },
    '/v1/models/{model}:predict': {
      post: operation({
        id: 'predictV1',
        summary: 'Instances in, predictions out: KServe, TensorFlow Serving',
        tag: 'others',
        parameters: [...parameters, TIMEOUT],
        takes: { required: true, content: { 'application/json': instances } },
        gives: json(ref('Predictions')),
        fails: INFER_FAILS,
      }),
    },
    '/invocations': {
      post: operation({
        id: 'invocations',
        summary: "SageMaker's address: what predict takes, instances, or tensors as infer takes them",
        tag: 'others',
        parameters: [
          withExamples(
            {
              name: 'model',
              in: 'query',
              description: 'which one, where there are several',
              schema: { type: 'string' },
            },
            predicting,
            ({ name }) => name,
          ),
          TIMEOUT,
        ],
        takes: { required: true, content: { 'application/json': instances, 'application/octet-stream': FILE } },
        gives: { ...RESULT, 'application/octet-stream': FILE },
        fails: [...INFER_FAILS, 406],
      }),
    },
  }
}

/** What {@link openApiDescription} is made of. */
export interface Described {
  readonly version: string
  /** Where addresses begin: an absolute path, or relative to the description's own address. */
  readonly server: string
  /** Those that are ready, for examples. */
  readonly models: readonly DescribedModel[]
}

/** The OpenAPI 3.1 description of what the server answers. */
export function openApiDescription({ version, server, models }: Described): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tensorferry server',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description: 'Open Inference Protocol v2, and pictures through the pipelines of bundles.',
    },
    servers: [{ url: server }],
    security: [{}, { bearer: [] }, { key: [] }],
    paths: {
      '/v2': {
        get: operation({
          id: 'serverMetadata',
          summary: 'The server and its extensions',
          tag: 'server',
          gives: json(ref('ServerMetadata')),
        }),
      },
      '/v2/health/live': probe('live', 'Whether the server runs'),
      '/v2/health/ready': probe('ready', 'Whether every model is ready, and requests are taken'),
      '/ping': probe('ping', "The same under TorchServe's address"),
      '/metrics': {
        get: operation({
          id: 'metrics',
          summary: 'For Prometheus',
          tag: 'server',
          gives: { 'text/plain': { schema: { type: 'string' } } },
        }),
      },
      '/v2/models/stats': {
        get: operation({
          id: 'allStatistics',
          summary: 'What was counted of all models',
          tag: 'models',
          gives: json(ref('Statistics')),
        }),
      },
      ...modelPaths('/v2/models/{model}', '', models),
      ...modelPaths('/v2/models/{model}/versions/{version}', 'OfVersion', models),
      '/predict/{model}': predictPath({
        id: 'predict',
        summary: "A picture through the bundle's own pipeline",
        models,
      }),
      '/predict/{model}/versions/{version}': predictPath({
        id: 'predictOfVersion',
        summary: 'The same of a version',
        models,
        hasVersion: true,
      }),
      '/predictions/{model}': {
        ...predictPath({ id: 'predictions', summary: "TorchServe's address; labels as {label: score}", models }),
        ...predictPath({
          id: 'putPredictions',
          summary: 'The same, as TorchServe takes it too',
          models,
          method: 'put',
        }),
      },
      ...foreignPaths(models),
      '/v2/repository/index': {
        post: operation({
          id: 'repositoryIndex',
          summary: 'Which models there are',
          tag: 'repository',
          takes: OPTIONAL_OBJECT,
          gives: json(ref('RepositoryIndex')),
          fails: [400, 408, 413, 415, 503],
        }),
      },
      ...Object.fromEntries(
        ['load', 'unload'].map((action) => [
          `/v2/repository/models/{model}/${action}`,
          {
            post: operation({
              id: action,
              summary: `${action === 'load' ? 'Loads' : 'Unloads'} a model; asks for the repository token`,
              tag: 'repository',
              parameters: [MODEL],
              takes: OPTIONAL_OBJECT,
              gives: OBJECT,
              fails: [400, 403, 404, 408, 409, 413, 415, 500, 503],
            }),
          },
        ]),
      ),
    },
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  }
}
