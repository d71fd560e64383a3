import { type Tensor, TensorferryError, type Tensors } from '@tensorferry/core'
import { hasUnsafeIntegers, parseWithExactIntegers } from '@tensorferry/inference-protocol/exact-integers'
import { tensorFromJsonData } from '@tensorferry/inference-protocol/json-tensor'
import { tensorFromRaw } from '@tensorferry/inference-protocol/raw-tensor'
import { requireBearable } from './json-cost.ts'
import { readCount, readFlag, readParameters, refuseSequences, refuseSharedMemory } from './parameters.ts'
import { bodyText, isObject, parseJsonObject } from './parse-json.ts'
import { toldValue } from './told-value.ts'

/** An output that the client asks for. */
export interface RequestedOutput {
  readonly name: string
  /** In binary form, after the JSON. */
  readonly binary: boolean
  /** The best classes in place of the tensor; 0: the tensor. */
  readonly classes: number
}

/** A body of `POST /v2/models/MODEL/infer`, read. Plain data: it crosses a worker. */
export interface InferRequest {
  readonly id: string | null
  readonly inputs: Tensors
  /** null: all of them. */
  readonly outputs: readonly RequestedOutput[] | null
  /** The form of outputs that are not asked for by name. */
  readonly binaryOutput: boolean
  /** What the client grants for all of it; null: it did not say. */
  readonly timeoutMs: number | null
}

function refuse(message: string): never {
  throw new TensorferryError('INPUT_INVALID', message)
}

function readName(value: Record<string, unknown>, where: string): string {
  return typeof value.name === 'string'
    ? value.name
    : refuse(`${where}: expected "name" to be a string, got ${toldValue(value.name)}`)
}

/** The part of the body behind the JSON, given out input by input. */
class BinarySection {
  readonly #bytes: Uint8Array | null
  #offset = 0

  constructor(bytes: Uint8Array | null) {
    this.#bytes = bytes
  }

  take(size: number, name: string): Uint8Array {
    if (this.#bytes === null) {
      return refuse(`${name}: binary_data_size without the header Inference-Header-Content-Length`)
    }
    const end = this.#offset + size
    if (end > this.#bytes.byteLength) {
      const left = this.#bytes.byteLength - this.#offset
      refuse(`${name}: binary_data_size is ${size}, the body has ${left} bytes left`)
    }
    const taken = this.#bytes.subarray(this.#offset, end)
    this.#offset = end
    return taken
  }

  requireEmpty(): void {
    const left = (this.#bytes?.byteLength ?? 0) - this.#offset
    if (left > 0) refuse(`the body has ${left} bytes more than its inputs; is each binary_data_size right?`)
  }
}

function readInput(
  input: unknown,
  position: number,
  binary: BinarySection,
  exactData: (position: number) => unknown,
): [string, Tensor] {
  if (!isObject(input)) return refuse(`inputs[${position}]: expected an object with name, shape, datatype and data`)
  const name = readName(input, `inputs[${position}]`)
  const { datatype, shape, data } = input
  if (typeof datatype !== 'string') {
    return refuse(`${name}: expected "datatype" to be a string, such as "FP32", got ${toldValue(datatype)}`)
  }
  if (!Array.isArray(shape) || !shape.every((size) => typeof size === 'number')) {
    return refuse(`${name}: expected "shape" to be an array of numbers, got ${toldValue(shape)}`)
  }
  const parameters = readParameters(input.parameters, name)
  refuseSharedMemory(parameters, name)
  const size = readCount(parameters, 'binary_data_size', name)
  if (size !== null) {
    if (data !== undefined) refuse(`${name}: it has "data" and binary_data_size; send one of them`)
    return [name, tensorFromRaw(datatype, shape, binary.take(size, name), name)]
  }
  if (data === undefined) refuse(`${name}: it has no "data", and no parameter binary_data_size`)
  const wanted = datatype === 'INT64' && hasUnsafeIntegers(data) ? exactData(position) : data
  return [name, tensorFromJsonData(datatype, shape, wanted, name)]
}

function readOutput(output: unknown, position: number, binaryOutput: boolean): RequestedOutput {
  if (!isObject(output)) return refuse(`outputs[${position}]: expected an object with a name`)
  const name = readName(output, `outputs[${position}]`)
  const parameters = readParameters(output.parameters, name)
  refuseSharedMemory(parameters, name)
  return {
    name,
    binary: readFlag(parameters, 'binary_data', name, binaryOutput),
    classes: readCount(parameters, 'classification', name) ?? 0,
  }
}

function readOutputs(outputs: unknown, binaryOutput: boolean): readonly RequestedOutput[] | null {
  if (outputs === undefined || outputs === null) return null
  if (!Array.isArray(outputs)) return refuse(`expected "outputs" to be an array, got ${toldValue(outputs)}`)
  if (outputs.length === 0) return null
  const wanted = outputs.map((output, position) => readOutput(output, position, binaryOutput))
  const names = new Set(wanted.map(({ name }) => name))
  if (names.size < wanted.length) refuse('outputs: a name is there twice')
  return wanted
}

/**
 * Reads the body of an inference request.
 *
 * @param body - JSON, or JSON and the binary tensors behind it
 * @param headerBytes - `Inference-Header-Content-Length`: bytes of the JSON; null: all of it is
 * @throws TensorferryError `INPUT_INVALID`
 * @see Open Inference Protocol v2, "Inference Request JSON Object", and Triton's extensions for binary data, classification
 *   and parameters
 */
export function readInferRequest(body: Uint8Array, headerBytes: number | null): InferRequest {
  if (headerBytes !== null && headerBytes > body.byteLength) {
    refuse(`Inference-Header-Content-Length is ${headerBytes}, the body has ${body.byteLength} bytes`)
  }
  const head = headerBytes === null ? body : body.subarray(0, headerBytes)
  requireBearable(head)
  const text = bodyText(head)
  const request = parseJsonObject(text)
  const parameters = readParameters(request.parameters, 'the request')
  refuseSequences(parameters)
  const { id } = request
  if (id !== undefined && id !== null && typeof id !== 'string') {
    refuse(`expected "id" to be a string, got ${toldValue(id)}`)
  }
  if (!Array.isArray(request.inputs)) {
    refuse(
      `expected "inputs" to be an array of tensors, such as [{"name", "shape", "datatype", "data"}], got ${toldValue(request.inputs)}`,
    )
  }

  const given: readonly unknown[] = request.inputs
  let exact: Record<string, unknown> | null = null
  const exactData = (position: number): unknown => {
    exact ??= parseWithExactIntegers(text) as Record<string, unknown>
    return (exact.inputs as { data: unknown }[])[position]!.data
  }
  const binary = new BinarySection(headerBytes === null ? null : body.subarray(headerBytes))
  // No prototype: a tensor may be named `__proto__`.
  const inputs: Record<string, Tensor> = Object.create(null)
  for (let position = 0; position < given.length; position++) {
    const [name, tensor] = readInput(given[position], position, binary, exactData)
    if (name in inputs) refuse(`inputs: ${JSON.stringify(name)} is there twice`)
    inputs[name] = tensor
  }
  binary.requireEmpty()

  const binaryOutput = readFlag(parameters, 'binary_data_output', 'the request', false)
  const timeoutUs = readCount(parameters, 'timeout', 'the request')
  return {
    id: id ?? null,
    inputs,
    outputs: readOutputs(request.outputs, binaryOutput),
    binaryOutput,
    timeoutMs: timeoutUs ? timeoutUs / 1000 : null,
  }
}
