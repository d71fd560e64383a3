const text = { type: 'string' }
const count = { type: 'integer', minimum: 0 }
const duration = {
  type: 'object',
  required: ['count', 'ns'],
  properties: { count, ns: { type: 'number', minimum: 0, description: 'nanoseconds in all' } },
}
const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
const list = (items: object): object => ({ type: 'array', items })
const datatype = {
  type: 'string',
  enum: ['BOOL', 'UINT8', 'INT8', 'INT16', 'INT32', 'INT64', 'FP16', 'BF16', 'FP32', 'FP64', 'BYTES'],
}
const parameters = { type: 'object', additionalProperties: true }
const data = {
  description:
    'Elements in row-major order, flat or nested as the shape. NaN and the infinities are strings; INT64 beyond 2^53 may be strings of digits.',
  type: 'array',
  items: {},
}

/** Schemas of the protocol's bodies, for the OpenAPI description. */
export const SCHEMAS: Readonly<Record<string, object>> = {
  Error: {
    type: 'object',
    required: ['error', 'code'],
    properties: {
      error: { type: 'string', description: 'what was expected, what came, what to do' },
      code: { type: 'string', description: 'stable; branch on it' },
      broken: {
        ...list({ type: 'object', required: ['part', 'error'], properties: { part: text, error: text } }),
        description: 'of several files or instances, those that cannot be used',
      },
    },
  },
  ServerMetadata: {
    type: 'object',
    required: ['name', 'version', 'extensions'],
    properties: { name: text, version: text, extensions: list(text) },
  },
  ModelMetadata: {
    type: 'object',
    required: ['name', 'versions', 'platform', 'inputs', 'outputs'],
    properties: {
      name: text,
      versions: list(text),
      platform: text,
      inputs: list(ref('TensorMetadata')),
      outputs: list(ref('TensorMetadata')),
    },
  },
  TensorMetadata: {
    type: 'object',
    required: ['name', 'datatype', 'shape'],
    properties: {
      name: text,
      datatype: { type: 'string', description: 'empty: the runtime does not say' },
      shape: { type: 'array', items: { type: 'integer', minimum: -1 }, description: '-1: any size' },
      parameters: {
        type: 'object',
        properties: { dims: { type: 'array', items: {}, description: 'names and expressions behind the sizes' } },
      },
    },
  },
  ModelReady: { type: 'object', required: ['name', 'ready'], properties: { name: text, ready: { type: 'boolean' } } },
  ModelConfig: {
    type: 'object',
    required: ['name', 'platform', 'backend', 'max_batch_size', 'input', 'output'],
    properties: {
      name: text,
      platform: text,
      backend: text,
      max_batch_size: count,
      input: list({ type: 'object' }),
      output: list({ type: 'object' }),
    },
  },
  Statistics: {
    type: 'object',
    required: ['model_stats'],
    properties: {
      model_stats: list({
        type: 'object',
        required: ['name', 'version', 'last_inference', 'inference_count', 'execution_count', 'inference_stats'],
        properties: {
          name: text,
          version: text,
          last_inference: count,
          inference_count: count,
          execution_count: count,
          inference_stats: { type: 'object', additionalProperties: duration },
          batch_stats: list({ type: 'object' }),
        },
      }),
    },
  },
  InferRequest: {
    type: 'object',
    required: ['inputs'],
    properties: {
      id: text,
      parameters: {
        ...parameters,
        properties: {
          timeout: { ...count, description: 'microseconds that the client waits, the queue included' },
          binary_data_output: { type: 'boolean' },
        },
      },
      inputs: list(ref('RequestInput')),
      outputs: list(ref('RequestOutput')),
    },
  },
  RequestInput: {
    type: 'object',
    required: ['name', 'shape', 'datatype'],
    properties: {
      name: text,
      shape: list(count),
      datatype,
      parameters: { ...parameters, properties: { binary_data_size: count } },
      data,
    },
  },
  RequestOutput: {
    type: 'object',
    required: ['name'],
    properties: {
      name: text,
      parameters: {
        ...parameters,
        properties: {
          binary_data: { type: 'boolean' },
          classification: { ...count, description: 'the best so many classes as SCORE:INDEX:LABEL' },
        },
      },
    },
  },
  InferReply: {
    type: 'object',
    required: ['model_name', 'model_version', 'outputs'],
    properties: {
      id: text,
      model_name: text,
      model_version: text,
      outputs: list({
        type: 'object',
        required: ['name', 'shape', 'datatype'],
        properties: { name: text, shape: list(count), datatype, parameters, data },
      }),
    },
  },
  RepositoryIndex: list({
    type: 'object',
    required: ['name', 'version', 'state', 'reason'],
    properties: {
      name: text,
      version: text,
      state: { type: 'string', enum: ['LOADING', 'READY', 'UNLOADING', 'UNAVAILABLE'] },
      reason: text,
    },
  }),
  ModelExample: {
    type: 'object',
    required: ['model_name', 'model_version', 'takes', 'predict', 'infer'],
    properties: {
      model_name: text,
      model_version: text,
      takes: {
        ...list({ type: 'object', required: ['name', 'kind'], properties: { name: text, kind: text, datatype: text } }),
        description: 'what predict takes: each an image, a tensor, or an input of a model without a pipeline',
      },
      predict: { type: ['object', 'null'], description: 'a body for predict' },
      infer: { type: ['object', 'null'], description: 'a body for infer' },
    },
  },
  Instances: {
    type: 'object',
    required: ['instances'],
    properties: {
      instances: {
        ...list({}),
        description: 'pictures, {"b64": "…"}; nested arrays of a tensor; objects of these by name',
      },
    },
  },
  Predictions: { type: 'object', required: ['predictions'], properties: { predictions: list({}) } },
  Labels: list({
    type: 'object',
    required: ['label', 'index', 'score'],
    properties: { label: text, index: count, score: { type: 'number' } },
  }),
  Image: {
    type: 'object',
    required: ['width', 'height', 'format', 'data'],
    properties: { width: count, height: count, format: text, data: { type: 'string', description: 'base64' } },
  },
}
