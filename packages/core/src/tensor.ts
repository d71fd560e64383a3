import { attachPrinter } from '#printer'
import { DTYPES } from './dtype.ts'
import { TensorferryError } from './errors.ts'
import { bfloat16FromFloat32, float16FromFloat32 } from './half.ts'
import type { TensorOfShape } from './ranked.ts'
import { tagOf } from './tag-of.ts'

/** Element types by PyTorch's names. `float16` and `bfloat16` are raw bits; `bool` is one byte, 0 or 1. */
export interface DTypeData {
  float64: Float64Array<ArrayBuffer>
  float32: Float32Array<ArrayBuffer>
  float16: Uint16Array<ArrayBuffer>
  bfloat16: Uint16Array<ArrayBuffer>
  int64: BigInt64Array<ArrayBuffer>
  int32: Int32Array<ArrayBuffer>
  int16: Int16Array<ArrayBuffer>
  int8: Int8Array<ArrayBuffer>
  uint8: Uint8Array<ArrayBuffer>
  bool: Uint8Array<ArrayBuffer>
  string: readonly string[]
}

/** Name of an element type. */
export type DType = keyof DTypeData

/** Dense, row-major, plain data: no methods, no handle; crosses workers, HTTP and N-API as it is. */
export type Tensor<D extends DType = DType> = {
  [K in D]: { readonly dtype: K; readonly shape: readonly number[]; readonly data: DTypeData[K] }
}[D]

/** Tensors by the model's input or output names. */
export type Tensors = Readonly<Record<string, Tensor>>

/** A value that {@link tensor} stores as one element of the dtype. */
export type Element<D extends DType> = D extends 'string'
  ? string
  : D extends 'int64'
    ? bigint | number
    : D extends 'bool'
      ? boolean | number
      : number

/** Number of elements of a shape; a scalar, shape `[]`, has one. */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) count *= size
  return count
}

/**
 * {@link tensor} for backends and steps, which hold the dtype's own array: it converts and checks nothing, so an app
 * that makes no tensors itself does not carry the conversions.
 *
 * @param data - kept without a copy; the array class of the dtype, with as many elements as the shape has
 */
export function makeTensor<D extends DType>(dtype: D, data: DTypeData[D], shape: readonly number[]): Tensor<D> {
  return attachPrinter({ dtype, shape: [...shape], data } as unknown as Tensor) as Tensor<D>
}

function requireShape(shape: readonly number[]): void {
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `tensor: expected a shape of non-negative integers, got ${JSON.stringify(shape)}`,
      {
        details: { shape },
      },
    )
  }
}

function convert<D extends DType>(dtype: D, values: ArrayLike<unknown>): DTypeData[D] {
  const toFloat = (value: unknown, index: number): number => {
    if (typeof value === 'number') return value
    if (typeof value === 'boolean') return value ? 1 : 0
    throw new TensorferryError(
      'INPUT_INVALID',
      `tensor: element ${index} is ${typeof value} (${String(value)}), expected a number for ${dtype}`,
    )
  }
  const convertAll = (): unknown => {
    switch (dtype) {
      case 'string':
        return Object.freeze(
          Array.from(values, (value, index) => {
            if (typeof value === 'string') return value
            throw new TensorferryError(
              'INPUT_INVALID',
              `tensor: element ${index} is ${typeof value}, expected a string`,
            )
          }),
        )
      case 'int64':
        return BigInt64Array.from(values as ArrayLike<bigint>, (value, index) => {
          const number = typeof value === 'bigint' ? value : toFloat(value, index)
          const fits = typeof number === 'bigint' ? BigInt.asIntN(64, number) === number : Number.isSafeInteger(number)
          if (fits) return BigInt(number)
          throw new TensorferryError(
            'INPUT_INVALID',
            `tensor: element ${index} is ${number}, expected a whole number of 64 bits for int64`,
          )
        })
      case 'float16':
        return float16FromFloat32(Float32Array.from(values as ArrayLike<number>, toFloat))
      case 'bfloat16':
        return bfloat16FromFloat32(Float32Array.from(values as ArrayLike<number>, toFloat))
      case 'bool':
        return Uint8Array.from(values as ArrayLike<number>, (value, index) => (toFloat(value, index) ? 1 : 0))
      case 'float64':
      case 'float32':
        return DTYPES[dtype as 'float32'].array.from(values as ArrayLike<number>, toFloat)
      default: {
        const integerType = DTYPES[dtype as 'int32']
        const [min, max] = integerType.range
        return integerType.array.from(values as ArrayLike<number>, (value: number, index: number) => {
          const number = toFloat(value, index)
          if (Number.isInteger(number) && number >= min && number <= max) return number
          throw new TensorferryError(
            'INPUT_INVALID',
            `tensor: element ${index} is ${number}, expected a whole number from ${min} to ${max} for ${dtype}`,
          )
        })
      }
    }
  }
  return convertAll() as DTypeData[D]
}

/** Classes of the same bits as the dtype's own; not every runtime has a Float16Array. */
const SAME_BITS: Readonly<Record<string, string>> = { float16: 'Float16Array', uint8: 'Uint8ClampedArray' }

type ArrayClass = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView

/** The data in the dtype's own class, not copied; null: they are of another class. */
function ownView(dtype: string, own: ArrayClass, data: unknown): unknown {
  if (data instanceof own) return data
  const tag = tagOf(data)
  if (tag !== own.name && tag !== SAME_BITS[dtype]) return null
  const { buffer, byteOffset, length } = data as Uint8Array<ArrayBuffer>
  return new own(buffer, byteOffset, length)
}

/**
 * Makes a tensor. A typed array of the dtype's own class, of this realm or another, is kept without a copy; so are the elements
 * of a `Float16Array` for `float16` and of a `Uint8ClampedArray` for `uint8`. A plain array is converted.
 *
 * @param dtype - one of {@link DType}; plain numbers for `float16` and `bfloat16` are rounded to nearest even,
 *   a `Uint16Array` is taken as raw bits
 * @param data - the elements in row-major order
 * @param shape - sizes; default: one dimension
 * @returns a tensor of that shape
 * @throws TensorferryError `INPUT_INVALID` when the shape does not hold that many elements or an element does not fit the dtype
 */
export function tensor<D extends DType, const S extends readonly number[] = readonly number[]>(
  dtype: D,
  data: DTypeData[D] | ArrayLike<Element<D>>,
  shape: S | readonly number[] = [data.length],
): TensorOfShape<D, S> {
  const info = DTYPES[dtype]
  if (!info) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `tensor: unknown dtype ${JSON.stringify(dtype)}, expected one of ${Object.keys(DTYPES).join(', ')}`,
    )
  }
  requireShape(shape)
  const own = info.array === null ? null : ownView(dtype, info.array, data)
  if (!own && ArrayBuffer.isView(data)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `tensor: ${dtype} is stored in ${info.array?.name ?? 'string[]'}, got ${data.constructor.name}; convert it first`,
    )
  }
  if (data.length !== elementCount(shape)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `tensor: shape [${shape.join(', ')}] holds ${elementCount(shape)} elements, got ${data.length}`,
      { details: { shape, length: data.length } },
    )
  }
  const stored = (own ?? convert(dtype, data)) as DTypeData[D]
  return makeTensor(dtype, stored, shape) as TensorOfShape<D, S>
}

/** A tensor of zeros (empty strings for `string`). */
export function zeros<D extends DType, const S extends readonly number[]>(dtype: D, shape: S): TensorOfShape<D, S> {
  requireShape(shape)
  const { array } = DTYPES[dtype]
  const count = elementCount(shape)
  const data = array === null ? Array.from({ length: count }, () => '') : new array(count)
  return makeTensor(dtype, data as unknown as DTypeData[D], shape) as TensorOfShape<D, S>
}

/**
 * The same elements under another shape, sharing memory.
 *
 * @param shape - one size may be -1: it takes what is left
 * @throws TensorferryError `INPUT_INVALID` when the element counts differ
 * @see torch.Tensor.reshape
 */
export function reshape<D extends DType>(value: Tensor<D>, shape: readonly number[]): Tensor<D> {
  const count = elementCount(value.shape)
  const known = elementCount(shape.filter((size) => size !== -1))
  const wildcards = shape.filter((size) => size === -1).length
  const sizes = wildcards === 1 && known > 0 ? shape.map((size) => (size === -1 ? count / known : size)) : shape
  if (wildcards > 1 || !sizes.every((size) => Number.isInteger(size) && size >= 0) || elementCount(sizes) !== count) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `reshape: [${value.shape.join(', ')}] has ${count} elements and does not fit [${shape.join(', ')}]`,
      { details: { from: value.shape, to: shape } },
    )
  }
  return makeTensor(value.dtype as D, value.data as DTypeData[D], sizes)
}

/** A tensor with memory of its own. */
export function cloneTensor<D extends DType>(value: Tensor<D>): Tensor<D> {
  return makeTensor(value.dtype as D, (value.data as { slice(): unknown }).slice() as DTypeData[D], value.shape)
}
