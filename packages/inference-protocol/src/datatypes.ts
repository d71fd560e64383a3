import type { DType } from '@tensorferry/core'

/** The protocol's names of dtypes; `BF16` is Triton's addition. The unsigned types above 8 bits have no dtype here. */
const DATATYPES: Readonly<Record<DType, string>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  bfloat16: 'BF16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
}

const DTYPES = new Map(Object.entries(DATATYPES).map(([dtype, datatype]) => [datatype, dtype as DType]))

/** Bytes of an element of each datatype; null: each its own. */
const ELEMENT_BYTES: Readonly<Record<DType, number | null>> = {
  bool: 1,
  uint8: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  string: null,
}

/** `FP32` of `float32`. */
export function datatypeOf(dtype: DType): string {
  return DATATYPES[dtype]
}

/** `float32` of `FP32`; null for a datatype that the SDK lacks. */
export function dtypeOf(datatype: string): DType | null {
  return DTYPES.get(datatype) ?? null
}

/** Bytes of one element; null for strings. */
export function elementBytes(dtype: DType): number | null {
  return ELEMENT_BYTES[dtype]
}

/** For messages: all datatypes that have a dtype. */
export const DATATYPE_NAMES: readonly string[] = Object.values(DATATYPES)
