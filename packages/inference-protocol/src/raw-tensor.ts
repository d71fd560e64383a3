import { type DType, elementCount, makeTensor, type Tensor, TensorferryError } from '@tensorferry/core'
import { DATATYPE_NAMES, dtypeOf, elementBytes } from './datatypes.ts'

const ARRAYS = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

function refuse(name: string, message: string, details: Record<string, unknown> = {}): never {
  throw new TensorferryError('INPUT_INVALID', `${name}: ${message}`, { details: { input: name, ...details } })
}

/**
 * The dtype of a datatype's name.
 *
 * @throws TensorferryError `INPUT_INVALID` for one that the SDK lacks, such as `UINT32`
 */
export function requireDtype(datatype: string, name: string): DType {
  return (
    dtypeOf(datatype) ??
    refuse(name, `datatype ${JSON.stringify(datatype)} is not known here, expected one of ${DATATYPE_NAMES.join(', ')}`)
  )
}

/** Checks what a wire says is a shape. */
export function requireShape(shape: readonly number[], name: string): void {
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return
  refuse(name, `expected a shape of non-negative integers, got [${shape.join(', ')}]`, { shape: [...shape] })
}

/**
 * A tensor of its binary form: row-major, little-endian; strings each after their length in 4 bytes, in UTF-8.
 *
 * @param bytes - copied: the tensor has memory of its own
 * @param name - of the input or output, for messages
 * @throws TensorferryError `INPUT_INVALID` for an unknown datatype, a wrong shape, or another number of bytes than the shape takes
 */
export function tensorFromRaw(datatype: string, shape: readonly number[], bytes: Uint8Array, name: string): Tensor {
  const dtype = requireDtype(datatype, name)
  requireShape(shape, name)
  const count = elementCount(shape)
  if (dtype === 'string') return makeTensor('string', stringsFromRaw(bytes, count, name), shape)
  const expected = count * elementBytes(dtype)!
  if (bytes.byteLength !== expected) {
    refuse(name, `${datatype} of shape [${shape.join(', ')}] takes ${expected} bytes, got ${bytes.byteLength}`, {
      shape: [...shape],
      expected,
      bytes: bytes.byteLength,
    })
  }
  // Not `bytes.slice()`: of a Buffer that is a view.
  const own = new Uint8Array(bytes.byteLength)
  own.set(bytes)
  if (dtype === 'bool') {
    const wrong = own.findIndex((value) => value > 1)
    if (wrong !== -1) refuse(name, `element ${wrong} of BOOL is ${own[wrong]}, expected 0 or 1`)
  }
  // Every dtype's array is made alike; the cast is to one of them.
  return makeTensor(dtype as 'float32', new (ARRAYS[dtype] as Float32ArrayConstructor)(own.buffer), shape)
}

function stringsFromRaw(bytes: Uint8Array, count: number, name: string): readonly string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const strings: string[] = []
  let offset = 0
  while (offset < bytes.byteLength) {
    const start = offset + 4
    const length = start <= bytes.byteLength ? view.getUint32(offset, true) : Number.POSITIVE_INFINITY
    if (start + length > bytes.byteLength) {
      refuse(name, `element ${strings.length} of BYTES reaches past the end of its ${bytes.byteLength} bytes`)
    }
    strings.push(decodeText(bytes.subarray(start, start + length), strings.length, name))
    offset = start + length
  }
  if (strings.length !== count) {
    refuse(name, `the shape holds ${count} elements of BYTES, got ${strings.length}`, { expected: count })
  }
  return Object.freeze(strings)
}

/**
 * UTF-8 as text.
 *
 * @param index - of the element, for messages
 * @throws TensorferryError `INPUT_INVALID` for bytes that are no UTF-8
 */
export function decodeText(bytes: Uint8Array, index: number, name: string): string {
  try {
    return decoder.decode(bytes)
  } catch {
    return refuse(name, `element ${index} of BYTES is not UTF-8; strings are text here, other bytes go as UINT8`)
  }
}

/**
 * The binary form of a tensor.
 *
 * @returns a view of the tensor's own memory, except for strings
 */
export function rawFromTensor(tensor: Tensor): Uint8Array {
  if (tensor.dtype !== 'string') {
    const { buffer, byteOffset, byteLength } = tensor.data
    return new Uint8Array(buffer, byteOffset, byteLength)
  }
  const encoded = tensor.data.map((text) => encoder.encode(text))
  const raw = new Uint8Array(encoded.reduce((total, one) => total + 4 + one.byteLength, 0))
  const view = new DataView(raw.buffer)
  let offset = 0
  for (const one of encoded) {
    view.setUint32(offset, one.byteLength, true)
    raw.set(one, offset + 4)
    offset += 4 + one.byteLength
  }
  return raw
}
