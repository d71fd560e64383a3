import { type DTypeData, type Tensor, tensor } from '@tensorferry/core'

/** As in both addons' exchange.h. */
const HEADER_BYTES = 4096
const HEADER_NUMBERS = HEADER_BYTES / 8
const ALIGNMENT = 64

/** The storage of each dtype that libtorch shares with JavaScript. */
export const ARRAYS = {
  float32: Float32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
} as const

type NumericArray = Float32Array<ArrayBuffer>

/** Small tensors in and out through memory that is shared with the addon: Node-API's handles cost more than small models. */
export class Exchange {
  readonly #size: number
  readonly #header: Float64Array
  readonly #dtypes: readonly string[]
  readonly #codes: Readonly<Record<string, number>>
  /** One view of the whole memory for each dtype, in the order of the codes. */
  readonly #views: readonly NumericArray[]

  /**
   * @param memory - the addon's
   * @param dtypes - names by their codes
   */
  constructor(memory: ArrayBuffer, dtypes: readonly string[]) {
    this.#size = memory.byteLength
    this.#header = new Float64Array(memory, 0, HEADER_NUMBERS)
    this.#dtypes = dtypes
    this.#codes = Object.fromEntries(dtypes.map((dtype, code) => [dtype, code]))
    this.#views = dtypes.map((dtype) => new ARRAYS[dtype as keyof typeof ARRAYS](memory) as unknown as NumericArray)
  }

  /**
   * Puts tensors there.
   *
   * @param inputs - checked already
   * @returns false when they do not fit
   */
  put(inputs: readonly Tensor[]): boolean {
    const header = this.#header
    let at = 0
    let offset = HEADER_BYTES
    header[at++] = inputs.length
    for (const { dtype, shape, data } of inputs) {
      const code = this.#codes[dtype]
      if (code === undefined || at + 3 + shape.length > HEADER_NUMBERS) return false
      const { byteLength } = data as NumericArray
      if (offset + byteLength > this.#size) return false
      header[at++] = code
      header[at++] = offset
      header[at++] = shape.length
      for (const size of shape) header[at++] = size
      const view = this.#views[code]!
      view.set(data as NumericArray, offset / view.BYTES_PER_ELEMENT)
      offset += Math.ceil(byteLength / ALIGNMENT) * ALIGNMENT
    }
    return true
  }

  /** Takes the results out, each into memory of its own. */
  take(): Tensor[] {
    const header = this.#header
    let at = 1
    const tensors: Tensor[] = []
    for (let left = header[0]!; left > 0; left--) {
      const code = header[at++]!
      const offset = header[at++]!
      const rank = header[at++]!
      const shape: number[] = []
      let count = 1
      for (let axis = 0; axis < rank; axis++) {
        const size = header[at++]!
        shape.push(size)
        count *= size
      }
      const view = this.#views[code]!
      const start = offset / view.BYTES_PER_ELEMENT
      const dtype = this.#dtypes[code] as 'float32'
      tensors.push(tensor(dtype, view.slice(start, start + count) as DTypeData['float32'], shape))
    }
    return tensors
  }
}
