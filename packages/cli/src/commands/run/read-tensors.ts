import {
  DTYPE_NAMES,
  type DType,
  type Element,
  fromNested,
  type Nested,
  readSafetensors,
  type Tensor,
  TensorferryError,
  type TensorSpec,
  type Tensors,
  tensor,
} from '@tensorferry/core'
import { parseExactJson, writtenNumber } from '../../exact-json.ts'

/** Largest finite values, and, for the halves, what still rounds to them. */
const MOST: Readonly<Partial<Record<DType, number>>> = {
  float16: 65519.99,
  bfloat16: 3.3961775e38,
  float32: 3.4028235677973362e38,
  float64: Number.MAX_VALUE,
}

function refuse(name: string, dtype: DType, expected: string, written: string): never {
  throw new TensorferryError('INPUT_INVALID', `${name}: expected ${expected} for ${dtype}, got ${written}`, {
    details: { input: name, dtype, written },
  })
}

/** What JSON cannot hold comes as a string: `"NaN"`, `"-Infinity"`, large integers. Nothing is rounded to another integer or to infinity. */
function readElement(value: unknown, dtype: DType, name: string): unknown {
  const written = writtenNumber(value)
  const text = written ?? (typeof value === 'string' ? value : null)
  if (dtype === 'int64' && text !== null && /^-?\d+$/.test(text)) {
    const integer = BigInt(text)
    return BigInt.asIntN(64, integer) === integer ? integer : refuse(name, dtype, 'a whole number of 64 bits', text)
  }
  const most = MOST[dtype]
  const number = written === null ? value : Number(written)
  if (most !== undefined && typeof number === 'number' && Math.abs(number) > most) {
    refuse(name, dtype, `a number from ${-most} to ${most}`, written ?? String(number))
  }
  if (written !== null) {
    return most === undefined
      ? refuse(name, dtype, dtype === 'string' ? 'a string' : 'a whole number in its range', written)
      : number
  }
  return dtype !== 'string' && typeof value === 'string' && /^(NaN|-?Infinity)$/.test(value) ? Number(value) : value
}

function readNested(value: unknown, dtype: DType, name: string): unknown {
  return Array.isArray(value) ? value.map((inner) => readNested(inner, dtype, name)) : readElement(value, dtype, name)
}

function readTensor(name: string, value: unknown, expected: DType | null): Tensor {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const given = (isObject ? value : { data: value }) as { dtype?: unknown; shape?: unknown; data?: unknown }
  const dtype = (given.dtype ?? expected ?? 'float32') as DType
  if (!DTYPE_NAMES.includes(dtype)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${name}: dtype ${JSON.stringify(dtype)} is none of ${DTYPE_NAMES.join(', ')}`,
    )
  }
  const data = readNested(given.data, dtype, name)
  if (!Array.isArray(given.shape)) return fromNested(dtype, data as Nested<Element<DType>>)
  const flat = Array.isArray(data) ? data.flat(Number.POSITIVE_INFINITY) : [data]
  return tensor(dtype, flat as ArrayLike<Element<DType>>, given.shape as number[])
}

/**
 * Reads inputs from a `.json` or `.safetensors` file.
 *
 * @param bytes - JSON: `{ "input": [[1, 2]] }`, `{ "input": { "dtype": "float32", "shape": [1, 2], "data": [1, 2] } }`, or the
 *   values alone for a model with one input; safetensors: the tensors by the inputs' names
 * @param specs - the model's inputs: their dtypes are the values'
 * @throws TensorferryError `INPUT_INVALID`
 */
export function readTensors(bytes: Uint8Array, path: string, specs: readonly TensorSpec[]): Tensors {
  if (path.endsWith('.safetensors')) return Object.fromEntries(readSafetensors(bytes))
  let value: unknown
  try {
    value = parseExactJson(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new TensorferryError('INPUT_INVALID', `${path}: not JSON (${(cause as Error).message})`, { cause })
  }
  const names = specs.map(({ name }) => name)
  const isBare = typeof value !== 'object' || value === null || Array.isArray(value) || 'data' in value
  if (isBare && names.length !== 1) {
    throw new TensorferryError('INPUT_INVALID', `${path}: expected an object with ${names.join(', ')}`)
  }
  const byName = (isBare ? { [names[0]!]: value } : value) as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(byName).map(([name, given]) => [
      name,
      readTensor(name, given, specs.find((spec) => spec.name === name)?.dtype ?? null),
    ]),
  )
}
