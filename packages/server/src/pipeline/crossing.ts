import { type DType, type DTypeData, makeTensor, type Tensor, tagOf } from '@tensorferry/core'

type View = Exclude<DTypeData[DType], readonly string[]>

/** Words and numbers of a message; what it weighs is its arrays. */
function isPlainObject(value: object): value is Readonly<Record<string, unknown>> {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/**
 * Bytes of all arrays in pictures, tensors and objects of them.
 *
 * @returns null: something in it is no plain data, such as a Blob, and stays in its thread
 */
export function bytesToCross(value: unknown): number | null {
  if (tagOf(value) === 'ArrayBuffer' || ArrayBuffer.isView(value)) return (value as ArrayBuffer).byteLength
  if (typeof value === 'function' || typeof value === 'symbol') return null
  if (typeof value !== 'object' || value === null) return 0
  if (!Array.isArray(value) && !isPlainObject(value)) return null
  let sum = 0
  for (const entry of Object.values(value)) {
    const bytes = bytesToCross(entry)
    if (bytes === null) return null
    sum += bytes
  }
  return sum
}

/**
 * The same data for a message, and the memory that goes with it. A view of memory that others use too is copied.
 *
 * @param given - whether the caller parts with the memory; else all of it is copied
 */
export function toCross<T>(value: T, given: boolean): { readonly value: T; readonly transfer: ArrayBuffer[] } {
  const transfer = new Set<ArrayBuffer>()
  const move = (entry: unknown): unknown => {
    if (ArrayBuffer.isView(entry)) {
      const view = entry as View
      const isAlone = tagOf(view.buffer) === 'ArrayBuffer' && view.buffer.byteLength === view.byteLength
      // A Buffer's `slice` shares its memory.
      const own =
        given && isAlone ? view : tagOf(view) === 'Uint8Array' ? new Uint8Array(view as Uint8Array) : view.slice()
      transfer.add(own.buffer)
      return own
    }
    if (tagOf(entry) === 'ArrayBuffer') {
      const own = given ? (entry as ArrayBuffer) : (entry as ArrayBuffer).slice(0)
      transfer.add(own)
      return own
    }
    if (Array.isArray(entry)) return entry.map(move)
    if (typeof entry !== 'object' || entry === null) return entry
    return Object.fromEntries(Object.entries(entry).map(([key, one]) => [key, move(one)]))
  }
  return { value: move(value) as T, transfer: [...transfer] }
}

/** Tensors that came in a message, as they were: `console.log` prints them. */
export function fromCrossing<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return value
  if ('dtype' in value && 'shape' in value && 'data' in value) {
    const { dtype, data, shape } = value as unknown as Tensor
    return makeTensor(dtype, data as never, shape) as T
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fromCrossing(one)])) as T
}
