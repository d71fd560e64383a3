import type {
  InferParameters,
  ModelMetadataResponse,
  TensorMetadata,
} from '@tensorferry/inference-protocol/grpc-messages'
import type { ModelMetadata } from '../protocol/model-metadata.ts'

type Described = ModelMetadata['inputs'][number]

/** Parameters of gRPC are of plain types: the list of dims goes as JSON. */
function parametersOf({ dims, rank }: NonNullable<Described['parameters']>): InferParameters {
  return {
    ...(dims ? { dims: { string_param: JSON.stringify(dims) } } : {}),
    ...(rank ? { rank: { string_param: rank } } : {}),
  }
}

function tensorMessage({ parameters, ...tensor }: Described): TensorMetadata {
  return { ...tensor, ...(parameters ? { parameters: parametersOf(parameters) } : {}) }
}

/** REST's description of a model as a message. */
export function metadataMessage({ inputs, outputs, ...model }: ModelMetadata): ModelMetadataResponse {
  return { ...model, inputs: inputs.map(tensorMessage), outputs: outputs.map(tensorMessage) }
}
