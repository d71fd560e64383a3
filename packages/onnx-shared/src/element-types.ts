import type { ModelDescription, ValueDescription } from './model-description.ts'
import type { dtypeOf } from './ort-tensor.ts'
import type { Problem } from './problem.ts'

/** ONNX's numbers of element types that the runtime's own table lacks, from onnx.proto3's TensorProto.DataType. */
export const UNNAMED_TYPES: Readonly<Record<string, string>> = {
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

/**
 * An element type that cannot be passed to a model or back.
 *
 * @param where - the input or output, such as `input "x"`
 * @param runtime - the package that runs it, such as `onnxruntime-node`
 */
export function unsupportedType(
  where: string,
  type: string,
  runtime: string,
  details: Record<string, unknown>,
  cause?: unknown,
): Problem {
  return {
    code: 'BACKEND_INCOMPATIBLE',
    message: `${where} is ${type}, which ${runtime} cannot pass; export the model with a cast to float32, int32 or int64 there`,
    details: { ...details, type },
    cause,
  }
}

/** A sequence, map or optional, for which there is no cast. */
function noTensor(where: string, runtime: string, details: Record<string, unknown>): Problem {
  const type = 'a sequence, map or optional'
  return {
    code: 'BACKEND_INCOMPATIBLE',
    message:
      `${where} is ${type} and no tensor, which ${runtime} cannot pass; a scikit-learn classifier gives a tensor of probabilities ` +
      'when it is converted without ZipMap: convert_sklearn(model, initial_types=types, options={id(model): {"zipmap": False}}); ' +
      'export another model with tensors alone, such as the elements of the sequence',
    details: { ...details, type },
  }
}

/**
 * Finds values that the binding cannot move: sequences, maps, optionals, unsigned integers over 8 bits, and 4-bit
 * integers, which as an output abort the whole process in Node.
 *
 * @param outputs - names that will be computed; null: all of the model's
 * @param toDtype - `dtypeOf`
 * @returns `BACKEND_INCOMPATIBLE` naming the first such input or output and its type; null: there is none
 */
export function findUnsupported(
  description: ModelDescription,
  outputs: readonly string[] | null,
  runtime: string,
  toDtype: typeof dtypeOf,
): Problem | null {
  const find = (kind: 'input' | 'output', values: readonly ValueDescription[]): Problem | null => {
    const value = values.find(({ type }) => toDtype(type) === null)
    if (!value) return null
    if (value.type === null) return noTensor(`${kind} ${JSON.stringify(value.name)}`, runtime, { [kind]: value.name })
    const { type } = value
    return unsupportedType(`${kind} ${JSON.stringify(value.name)}`, type, runtime, { [kind]: value.name })
  }
  const computed = description.outputs.filter(({ name }) => outputs === null || outputs.includes(name))
  return find('input', description.inputs) ?? find('output', computed)
}
