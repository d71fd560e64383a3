import { float32FromBfloat16, float32FromFloat16, type Tensor } from '@tensorferry/core'
import { FLOAT32_TEXT_BYTES, writeFloat32 } from './float32-text.ts'

const COMMA = 0x2c
const MINUS = 0x2d
const ZERO = 0x30

const encoder = new TextEncoder()

/** Bytes of one element and its comma at most; strings are measured. */
const ELEMENT_TEXT_BYTES = {
  float64: 26,
  float32: FLOAT32_TEXT_BYTES,
  float16: FLOAT32_TEXT_BYTES,
  bfloat16: FLOAT32_TEXT_BYTES,
  int64: 21,
  int32: 12,
  int16: 7,
  int8: 5,
  uint8: 4,
  bool: 6,
} as const

function writeAscii(out: Uint8Array, start: number, text: string): number {
  for (let index = 0; index < text.length; index++) out[start + index] = text.charCodeAt(index)
  return start + text.length
}

function writeInteger(out: Uint8Array, start: number, value: number): number {
  let place = start
  let rest = value
  if (rest < 0) {
    out[place++] = MINUS
    rest = -rest
  }
  let size = 1
  for (let power = 10; power <= rest; power *= 10) size++
  for (let at = place + size - 1; at >= place; at--) {
    const quotient = Math.floor(rest / 10)
    out[at] = ZERO + (rest - quotient * 10)
    rest = quotient
  }
  return place + size
}

function writeEach<T>(
  values: ArrayLike<T>,
  out: Uint8Array,
  start: number,
  write: (out: Uint8Array, place: number, value: T) => number,
): number {
  let place = start
  for (let index = 0; index < values.length; index++) {
    if (index > 0) out[place++] = COMMA
    place = write(out, place, values[index]!)
  }
  return place
}

function writeFloat64(out: Uint8Array, place: number, value: number): number {
  if (Number.isFinite(value)) return writeAscii(out, place, Object.is(value, -0) ? '-0' : String(value))
  return writeAscii(out, place, `"${value}"`)
}

function writeInt64(out: Uint8Array, place: number, value: bigint): number {
  const number = Number(value)
  return Number.isSafeInteger(number) ? writeInteger(out, place, number) : writeAscii(out, place, value.toString())
}

function writeBool(out: Uint8Array, place: number, value: number): number {
  return writeAscii(out, place, value === 0 ? 'false' : 'true')
}

/** Bytes that {@link writeTensorText} needs at most. */
export function tensorTextBytes(tensor: Tensor): number {
  if (tensor.dtype !== 'string') return tensor.data.length * ELEMENT_TEXT_BYTES[tensor.dtype]
  // A character of a string takes at most six bytes, as `\u001f` does.
  let bytes = 0
  for (const text of tensor.data) bytes += 6 * text.length + 3
  return bytes
}

/**
 * Writes a tensor's elements as JSON text with commas between them, without the brackets, in row-major order.
 * Floats have the digits that lead back to the same number; NaN and the infinities are strings; int64 has all its digits.
 *
 * @param out - has {@link tensorTextBytes} left from `start`
 * @returns the place after the last byte
 */
export function writeTensorText(tensor: Tensor, out: Uint8Array, start: number): number {
  switch (tensor.dtype) {
    case 'float32':
      return writeFloat32(tensor.data, out, start)
    case 'float16':
      return writeFloat32(float32FromFloat16(tensor.data), out, start)
    case 'bfloat16':
      return writeFloat32(float32FromBfloat16(tensor.data), out, start)
    case 'float64':
      return writeEach(tensor.data, out, start, writeFloat64)
    case 'int64':
      return writeEach(tensor.data, out, start, writeInt64)
    case 'bool':
      return writeEach(tensor.data, out, start, writeBool)
    case 'string': {
      const text = JSON.stringify(tensor.data)
      return start + encoder.encodeInto(text.slice(1, -1), out.subarray(start)).written
    }
    default:
      return writeEach(tensor.data, out, start, writeInteger)
  }
}

/** {@link writeTensorText} into memory of its own. */
export function textFromTensor(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(tensorTextBytes(tensor))
  return out.slice(0, writeTensorText(tensor, out, 0))
}
