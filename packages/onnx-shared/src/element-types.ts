import { TensorferryError } from '@tensorferry/core'
import type { ModelDescription, ValueDescription } from './model-description.ts'
import { dtypeOf } from './ort-tensor.ts'

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
): TensorferryError {
  return new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `${where} is ${type}, which ${runtime} cannot pass; export the model with a cast to float32, int32 or int64 there`,
    { details: { ...details, type }, ...(cause === undefined ? {} : { cause }) },
  )
}

/**
 * Refuses values that the binding cannot move: sequences, maps, optionals, unsigned integers over 8 bits, and 4-bit
 * integers, which as an output abort the whole process in Node.
 *
 * @param outputs - names that will be computed; null: all of the model's
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` naming the input or output and its type
 */
export function checkTypes(description: ModelDescription, outputs: readonly string[] | null, runtime: string): void {
  const check = (kind: 'input' | 'output', { name, type }: ValueDescription): void => {
    if (dtypeOf(type) !== null) return
    throw unsupportedType(`${kind} ${JSON.stringify(name)}`, type ?? 'a sequence, map or optional', runtime, {
      [kind]: name,
    })
  }
  for (const input of description.inputs) check('input', input)
  for (const output of description.outputs)
    if (outputs === null || outputs.includes(output.name)) check('output', output)
}
