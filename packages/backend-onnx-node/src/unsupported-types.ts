import { TensorferryError } from '@tensorferry/core'
import type { ModelData, ModelDescription, ValueDescription } from './messages.ts'
import { dtypeOf } from './ort-tensor.ts'

/** ONNX's numbers of element types that the binding's own table lacks, from onnx.proto3's TensorProto.DataType. */
const UNNAMED_TYPES: Readonly<Record<number, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  21: 'uint4',
  22: 'int4',
  23: 'float4e2m1',
  24: 'float8e8m0',
  25: 'uint2',
  26: 'int2',
}

interface RawMetadata {
  readonly name: string
  readonly isTensor: boolean
  readonly type?: number
}
interface RawSession {
  loadModel(...args: unknown[]): void
  readonly inputMetadata: readonly RawMetadata[]
  readonly outputMetadata: readonly RawMetadata[]
  dispose(): void
}

function refuse(kind: 'input' | 'output', name: string, type: string): TensorferryError {
  return new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `${kind} ${JSON.stringify(name)} is ${type}, which onnxruntime-node cannot pass; export the model with a cast to float32, int32 or int64 there`,
    { details: { [kind]: name, type } },
  )
}

/**
 * Refuses values that the binding cannot move: sequences, maps, optionals, unsigned integers over 8 bits, and 4-bit
 * integers, which as an output abort the whole process.
 *
 * @param outputs - names that will be computed; null: all of the model's
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` naming the input or output and its type
 */
export function checkTypes(description: ModelDescription, outputs: readonly string[] | null): void {
  const check = (kind: 'input' | 'output', value: ValueDescription): void => {
    if (dtypeOf(value.type) === null) throw refuse(kind, value.name, value.type ?? 'a sequence, map or optional')
  }
  for (const input of description.inputs) check('input', input)
  for (const output of description.outputs)
    if (outputs === null || outputs.includes(output.name)) check('output', output)
}

/**
 * The public API gives up on a model with an element type outside its table without saying where it is: this asks the
 * native session itself. Only reached after that failure.
 *
 * @param error - what the public API threw
 * @returns null when that failure was another one
 */
export async function findUnsupportedType(
  error: unknown,
  data: ModelData,
  options: object,
): Promise<TensorferryError | null> {
  if (!(error instanceof Error) || !/^Unsupported data type: \d+/.test(error.message)) return null
  const { binding } = (await import('onnxruntime-node/dist/binding.js')) as unknown as {
    binding: { InferenceSession: new () => RawSession }
  }
  const session = new binding.InferenceSession()
  try {
    if (typeof data.model === 'string') session.loadModel(data.model, options)
    else session.loadModel(data.model.buffer, data.model.byteOffset, data.model.byteLength, options)
    for (const kind of ['input', 'output'] as const) {
      for (const { name, isTensor, type } of session[`${kind}Metadata`]) {
        const unnamed = isTensor && type !== undefined ? UNNAMED_TYPES[type] : undefined
        if (unnamed) return refuse(kind, name, unnamed)
      }
    }
    return null
  } finally {
    session.dispose()
  }
}
