import { type Tensor, TensorferryError } from '@tensorferry/core'
import { tensorFromContents } from '@tensorferry/inference-protocol/contents-tensor'
import type {
  InferParameter,
  InferParameters,
  InferTensor,
  ModelInferRequest,
} from '@tensorferry/inference-protocol/grpc-messages'
import { tensorFromRaw } from '@tensorferry/inference-protocol/raw-tensor'
import type { InferRequest } from '../protocol/infer-request.ts'
import { type Parameters, readCount, refuseSequences, refuseSharedMemory } from '../protocol/parameters.ts'

function refuse(message: string): never {
  throw new TensorferryError('INPUT_INVALID', message)
}

function valueOfParameter(parameter: InferParameter): unknown {
  const { int64_param, uint64_param, bool_param, string_param, double_param } = parameter
  const integer = int64_param ?? uint64_param
  return integer === undefined ? (bool_param ?? string_param ?? double_param) : Number(integer)
}

/** Parameters as REST has them. */
function plainParameters(parameters: InferParameters | undefined): Parameters {
  return Object.fromEntries(
    Object.entries(parameters ?? {}).map(([name, parameter]) => [name, valueOfParameter(parameter)]),
  )
}

/**
 * Reads a request: raw contents where there are some, typed contents else.
 *
 * @throws TensorferryError `INPUT_INVALID` for what contradicts itself or is not done here (shared memory, sequences)
 */
export function readInferRequest(request: ModelInferRequest): InferRequest {
  const raw = request.raw_input_contents
  if (raw.length > 0 && raw.length !== request.inputs.length) {
    refuse(`expected raw_input_contents for all of the ${request.inputs.length} inputs or none, got ${raw.length}`)
  }
  const inputs: Record<string, Tensor> = Object.create(null)
  request.inputs.forEach((input, index) => {
    if (input.name in inputs) refuse(`inputs: ${JSON.stringify(input.name)} is there twice`)
    inputs[input.name] = readTensor(input, raw[index])
  })

  const outputs = request.outputs.map((output) => {
    const parameters = plainParameters(output.parameters)
    refuseSharedMemory(parameters, output.name)
    return { name: output.name, binary: true, classes: readCount(parameters, 'classification', output.name) ?? 0 }
  })
  if (new Set(outputs.map(({ name }) => name)).size < outputs.length) refuse('outputs: a name is there twice')
  const parameters = plainParameters(request.parameters)
  refuseSequences(parameters)
  const timeoutUs = readCount(parameters, 'timeout', 'the request')
  return {
    id: request.id,
    inputs,
    outputs: outputs.length > 0 ? outputs : null,
    binaryOutput: true,
    timeoutMs: timeoutUs ? timeoutUs / 1000 : null,
  }
}

function readTensor(input: InferTensor, raw: Uint8Array | undefined): Tensor {
  refuseSharedMemory(plainParameters(input.parameters), input.name)
  const shape = input.shape.map(Number)
  if (raw === undefined) return tensorFromContents(input.datatype, shape, input.contents ?? {}, input.name)
  if (input.contents) refuse(`${input.name}: expected raw_input_contents or contents, got both`)
  return tensorFromRaw(input.datatype, shape, raw, input.name)
}
