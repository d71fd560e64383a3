import {
  bfloat16FromFloat32,
  type DType,
  type DTypeData,
  elementCount,
  float16FromFloat32,
  makeTensor,
  type Tensor,
  TensorferryError,
} from '@tensorferry/core'
import { MAX_RANK } from './exact-integers.ts'
import { requireDtype, requireShape } from './raw-tensor.ts'

/** Texts for what JSON has no numbers for, as protobuf's JSON mapping has them. */
const SPECIAL_NUMBERS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

const MAX_FLOAT32 = 3.4028234663852886e38

const INTEGERS = {
  uint8: { array: Uint8Array, min: 0, max: 0xff },
  int8: { array: Int8Array, min: -0x80, max: 0x7f },
  int16: { array: Int16Array, min: -0x8000, max: 0x7fff },
  int32: { array: Int32Array, min: -0x80000000, max: 0x7fffffff },
} as const

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

interface Field {
  readonly name: string
  readonly datatype: string
}

function refuse(name: string, message: string, details: Record<string, unknown> = {}): never {
  throw new TensorferryError('INPUT_INVALID', `${name}: ${message}`, { details: { input: name, ...details } })
}

function describe(value: unknown): string {
  // Not its text, which may nest deeper than JSON.stringify goes.
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

function refuseElement({ name, datatype }: Field, index: number, expected: string, value: unknown): never {
  return refuse(name, `element ${index} of ${datatype} data is ${describe(value)}, expected ${expected}`)
}

/** Nested arrays, which must nest as the shape says, or a flat one as it is. */
function flatten(data: unknown, shape: readonly number[], name: string): readonly unknown[] {
  if (!Array.isArray(data)) {
    if (shape.length === 0 && data !== undefined && data !== null && typeof data !== 'object') return [data]
    return refuse(name, `expected "data" to be an array, got ${describe(data)}`)
  }
  if (!Array.isArray(data[0])) return data
  const flat: unknown[] = []
  const collect = (level: unknown, axis: number): void => {
    if (!Array.isArray(level) || level.length !== shape[axis]) {
      const found = Array.isArray(level) ? `an array of ${level.length}` : describe(level)
      refuse(name, `nested data does not fit shape [${shape.join(', ')}]: on axis ${axis} it has ${found}`)
    }
    if (axis < shape.length - 1) for (const inner of level) collect(inner, axis + 1)
    else for (const value of level) flat.push(value)
  }
  if (shape.length === 0) refuse(name, 'nested data does not fit shape []')
  collect(data, 0)
  return flat
}

function readFloat(value: unknown, index: number, field: Field): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string' && Object.hasOwn(SPECIAL_NUMBERS, value)) return SPECIAL_NUMBERS[value]!
  return refuseElement(field, index, 'a number, or "NaN", "Infinity", "-Infinity"', value)
}

function readFloat32(values: readonly unknown[], field: Field): Float32Array<ArrayBuffer> {
  const data = new Float32Array(values.length)
  for (let index = 0; index < values.length; index++) {
    const value = values[index]
    if (typeof value === 'number' && value <= MAX_FLOAT32 && value >= -MAX_FLOAT32) {
      data[index] = value
      continue
    }
    const read = readFloat(value, index, field)
    data[index] = read
    if (typeof value === 'number' && !Number.isFinite(data[index]!)) {
      refuseElement(field, index, 'a number of at most 3.4028235e38', value)
    }
  }
  return data
}

function requireFinite(halves: Uint16Array<ArrayBuffer>, infinity: number, from: Float32Array, field: Field): void {
  const lost = halves.findIndex((bits, index) => (bits & 0x7fff) === infinity && Number.isFinite(from[index]))
  if (lost !== -1) refuseElement(field, lost, `a number in the range of ${field.datatype}`, from[lost])
}

function readInt64(value: unknown, index: number, field: Field): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) {
    const integer = BigInt(value)
    if (integer >= INT64_MIN && integer <= INT64_MAX) return integer
  }
  return refuseElement(
    field,
    index,
    'a whole number of 64 bits (beyond 2^53 as a string, if not as JSON digits)',
    value,
  )
}

function readIntegers(values: readonly unknown[], dtype: keyof typeof INTEGERS, field: Field): DTypeData['int32'] {
  const { array, min, max } = INTEGERS[dtype]
  const data = new array(values.length)
  for (let index = 0; index < values.length; index++) {
    const value = values[index]
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      refuseElement(field, index, `a whole number from ${min} to ${max}`, value)
    }
    data[index] = value
  }
  return data as DTypeData['int32']
}

function readBools(values: readonly unknown[], field: Field): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values, (value, index) => {
    if (value === true || value === 1) return 1
    if (value === false || value === 0) return 0
    return refuseElement(field, index, 'true or false', value)
  })
}

function readData(values: readonly unknown[], dtype: DType, field: Field): DTypeData[DType] {
  switch (dtype) {
    case 'float32':
      return readFloat32(values, field)
    case 'float64':
      return Float64Array.from(values, (value, index) => {
        const read = readFloat(value, index, field)
        // 1e400 is parsed to infinity.
        return typeof value === 'string' || Number.isFinite(read)
          ? read
          : refuseElement(field, index, 'a number in the range of FP64', value)
      })
    case 'float16':
    case 'bfloat16': {
      const wide = readFloat32(values, field)
      const halves = dtype === 'float16' ? float16FromFloat32(wide) : bfloat16FromFloat32(wide)
      requireFinite(halves, dtype === 'float16' ? 0x7c00 : 0x7f80, wide, field)
      return halves
    }
    case 'int64':
      return BigInt64Array.from(values, (value, index) => readInt64(value, index, field))
    case 'bool':
      return readBools(values, field)
    case 'string':
      return Object.freeze(
        values.map((value, index) =>
          typeof value === 'string' ? value : refuseElement(field, index, 'a string', value),
        ),
      )
    default:
      return readIntegers(values, dtype, field)
  }
}

/**
 * A tensor of its JSON form.
 *
 * @param data - the elements in row-major order, flat or nested as the shape; numbers for every numeric datatype (rounded to
 *   nearest for `FP16` and `BF16`), `"NaN"`, `"Infinity"`, `"-Infinity"` among floats, digits in a string for `INT64`
 * @param name - of the input or output, for messages
 * @throws TensorferryError `INPUT_INVALID` for an unknown datatype, a shape that does not hold the data, or an element that does
 *   not fit the datatype
 */
export function tensorFromJsonData(datatype: string, shape: readonly number[], data: unknown, name: string): Tensor {
  const dtype = requireDtype(datatype, name)
  requireShape(shape, name)
  if (shape.length > MAX_RANK) refuse(name, `expected at most ${MAX_RANK} axes, got ${shape.length}`)
  const values = flatten(data, shape, name)
  const count = elementCount(shape)
  if (values.length !== count) {
    refuse(name, `shape [${shape.join(', ')}] holds ${count} elements, got ${values.length}`, {
      shape: [...shape],
      length: values.length,
    })
  }
  return makeTensor(dtype, readData(values, dtype, { name, datatype }), shape)
}
