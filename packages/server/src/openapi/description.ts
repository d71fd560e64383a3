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
const PICTURE = {
  required: true,
  content: {
    'application/octet-stream': FILE,
    'image/png': FILE,
    'image/jpeg': FILE,
    'image/webp': FILE,
    'multipart/form-data': {
      schema: { type: 'object', properties: { image: { type: 'string', format: 'binary' } }, required: ['image'] },
    },
  },
}
const RESULT = {
  'application/json': { schema: { description: 'labels, tensors, or an image in base64' } },
  'image/png': FILE,
  'image/jpeg': FILE,
  'image/webp': FILE,
}

/** The operations of a model, at both of its addresses. */
function modelPaths(base: string, parameters: readonly object[], suffix: string): Record<string, object> {
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
    [`${base}/infer`]: {
      post: operation({
        id: `infer${suffix}`,
        summary: 'Tensors in, tensors out',
        tag: 'inference',
        parameters: [...parameters, TIMEOUT],
        takes: { required: true, content: json(ref('InferRequest')) },
        gives: {
          ...json(ref('InferReply')),
          'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
        },
        fails: INFER_FAILS,
      }),
    },
  }
}

function predictPath(id: string, summary: string, parameters: readonly object[], method = 'post'): object {
  return {
    [method]: operation({
      id,
      summary,
      tag: 'inference',
      parameters: [...parameters, TIMEOUT],
      takes: PICTURE,
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

/** The OpenAPI 3.1 description of what the server answers. */
export function openApiDescription(version: string): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tensorferry server',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description: 'Open Inference Protocol v2, and pictures through the pipelines of bundles.',
    },
    servers: [{ url: '/' }],
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
      ...modelPaths('/v2/models/{model}', [MODEL], ''),
      ...modelPaths('/v2/models/{model}/versions/{version}', [MODEL, VERSION], 'OfVersion'),
      '/predict/{model}': predictPath('predict', "A picture through the bundle's own pipeline", [MODEL]),
      '/predict/{model}/versions/{version}': predictPath('predictOfVersion', 'The same of a version', [MODEL, VERSION]),
      '/predictions/{model}': {
        ...predictPath('predictions', "TorchServe's address; labels as {label: score}", [MODEL]),
        ...predictPath('putPredictions', 'The same, as TorchServe takes it too', [MODEL], 'put'),
      },
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
