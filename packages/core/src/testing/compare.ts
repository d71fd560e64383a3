import { DTYPES } from '../dtype.ts'
import { elementAt, formatTensor } from '../print.ts'
import { elementCount, type Tensor, type Tensors } from '../tensor.ts'
import { ConformanceError } from './conformance-error.ts'

/** float32 rounding; the fixtures' own arithmetic is exact. */
const RELATIVE_TOLERANCE = 1e-6

function sameElement(a: unknown, b: unknown): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return a === b
  if (Number.isNaN(b)) return Number.isNaN(a)
  return a === b || Math.abs(a - b) <= RELATIVE_TOLERANCE * Math.abs(b)
}

/** Throws unless it is a dense tensor in its dtype's own class. */
export function requireTensor(value: unknown, subject: string): asserts value is Tensor {
  const fail = (expected: string, received: string): never => {
    throw new ConformanceError(subject, expected, received)
  }
  if (typeof value !== 'object' || value === null) fail('a tensor', String(value))
  const { dtype, shape, data } = value as Tensor
  const info = DTYPES[dtype]
  if (!info) fail('a dtype of the SDK', JSON.stringify(dtype) ?? 'undefined')
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    fail('a shape of non-negative integers', String(shape))
  }
  const holds =
    info.array === null
      ? Array.isArray(data) && data.every((element) => typeof element === 'string')
      : (data as unknown) instanceof info.array
  if (!holds) fail(`${dtype} data in ${info.array?.name ?? 'an array of strings'}`, className(data))
  if (data.length !== elementCount(shape)) fail(`${elementCount(shape)} elements for [${shape}]`, `${data.length}`)
}

function className(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'an object') : typeof value
}

/** Throws unless both tensors have one dtype, one shape and equal elements; NaN equals NaN. */
export function requireEqualTensor(actual: unknown, expected: Tensor, subject: string): void {
  requireTensor(actual, subject)
  const sameShape =
    actual.shape.length === expected.shape.length && actual.shape.every((size, axis) => size === expected.shape[axis])
  const differs = (): never => {
    throw new ConformanceError(subject, formatTensor(expected), formatTensor(actual))
  }
  if (actual.dtype !== expected.dtype || !sameShape) differs()
  for (let i = 0; i < expected.data.length; i++) {
    if (!sameElement(elementAt(actual, i), elementAt(expected, i))) differs()
  }
}

/** Throws unless the record holds exactly these tensors. */
export function requireEqualTensors(actual: Tensors, expected: Tensors, subject: string): void {
  if (typeof actual !== 'object' || actual === null) {
    throw new ConformanceError(subject, 'tensors by name', String(actual))
  }
  const names = (tensors: Tensors): string => Object.keys(tensors).sort().join(', ')
  if (names(actual) !== names(expected))
    throw new ConformanceError(subject, names(expected), names(actual) || 'nothing')
  for (const [name, value] of Object.entries(expected)) requireEqualTensor(actual[name], value, `${subject} ${name}`)
}
