import {
  bfloat16FromFloat32,
  type DType,
  elementCount,
  float16FromFloat32,
  type Tensor,
  TensorferryError,
  tensor,
} from '@tensorferry/core'
import type { InferTensorContents } from './grpc-messages.ts'
import { decodeText, requireDtype, requireShape } from './raw-tensor.ts'

/** The field that holds each dtype's elements; the half precisions are in none by the protocol, in `fp32_contents` for some servers. */
const FIELDS: Readonly<Record<DType, keyof InferTensorContents>> = {
  bool: 'bool_contents',
  int8: 'int_contents',
  int16: 'int_contents',
  int32: 'int_contents',
  int64: 'int64_contents',
  uint8: 'uint_contents',
  float16: 'fp32_contents',
  bfloat16: 'fp32_contents',
  float32: 'fp32_contents',
  float64: 'fp64_contents',
  string: 'bytes_contents',
}

/**
 * A tensor of gRPC's typed contents.
 *
 * @param name - of the input or output, for messages
 * @throws TensorferryError `INPUT_INVALID` for an unknown datatype, another number of elements than the shape holds,
 *   elements in another field, or ones that do not fit the datatype
 */
export function tensorFromContents(
  datatype: string,
  shape: readonly number[],
  contents: InferTensorContents,
  name: string,
): Tensor {
  const dtype = requireDtype(datatype, name)
  requireShape(shape, name)
  const field = FIELDS[dtype]
  const elements: readonly unknown[] = contents[field] ?? []
  const expected = elementCount(shape)
  if (elements.length !== expected) {
    const filled = Object.entries(contents).find(([other, values]) => other !== field && values?.length > 0)?.[0]
    const advice = filled ? `; ${filled} is not the field of ${datatype}` : ''
    throw new TensorferryError(
      'INPUT_INVALID',
      `${name}: ${datatype} of shape [${shape.join(', ')}] takes ${expected} elements in ${field}, got ${elements.length}${advice}`,
      { details: { input: name, shape: [...shape], expected, length: elements.length } },
    )
  }
  return tensor(dtype, convert(dtype, elements, name) as never, shape)
}

function convert(dtype: DType, elements: readonly unknown[], name: string): unknown {
  switch (dtype) {
    case 'int64':
      return BigInt64Array.from(elements as readonly (string | number)[], (value) => BigInt(value))
    case 'float16':
      return float16FromFloat32(elements as readonly number[])
    case 'bfloat16':
      return bfloat16FromFloat32(elements as readonly number[])
    case 'float32':
      return Float32Array.from(elements as readonly number[])
    case 'string':
      return elements.map((value, index) => decodeText(value as Uint8Array, index, name))
    default:
      return elements
  }
}
