import type { DType } from './tensor.ts'

/** Storage of each dtype: bytes per element (null for strings), the array class, and the range of integers. */
export const DTYPES = {
  float64: { bytes: 8, array: Float64Array, floating: true, range: null },
  float32: { bytes: 4, array: Float32Array, floating: true, range: null },
  float16: { bytes: 2, array: Uint16Array, floating: true, range: null },
  bfloat16: { bytes: 2, array: Uint16Array, floating: true, range: null },
  int64: { bytes: 8, array: BigInt64Array, floating: false, range: null },
  int32: { bytes: 4, array: Int32Array, floating: false, range: [-2147483648, 2147483647] },
  int16: { bytes: 2, array: Int16Array, floating: false, range: [-32768, 32767] },
  int8: { bytes: 1, array: Int8Array, floating: false, range: [-128, 127] },
  uint8: { bytes: 1, array: Uint8Array, floating: false, range: [0, 255] },
  bool: { bytes: 1, array: Uint8Array, floating: false, range: null },
  string: { bytes: null, array: null, floating: false, range: null },
} as const satisfies Record<DType, unknown>

/** Names of all dtypes, in the order of the table. */
export const DTYPE_NAMES = Object.keys(DTYPES) as readonly DType[]
