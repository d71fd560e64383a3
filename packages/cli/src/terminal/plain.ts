import { type Tensor, toNested } from '@tensorferry/core'

/** JSON has no NaN, no infinity and no whole numbers beyond 2^53: those become strings. */
function plainElement(value: number | bigint | boolean | string): number | boolean | string {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value)
  }
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

function plainNested(value: unknown): unknown {
  return Array.isArray(value) ? value.map(plainNested) : plainElement(value as number)
}

/** A tensor as JSON: dtype, shape, and its elements as nested arrays. */
export function plainTensor(value: Tensor): { dtype: string; shape: readonly number[]; data: unknown } {
  return { dtype: value.dtype, shape: value.shape, data: plainNested(toNested(value)) }
}

/** One JSON document. NaN, infinities and large integers are written as strings. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_, entry: unknown) => (typeof entry === 'bigint' || typeof entry === 'number' ? plainElement(entry) : entry),
    2,
  )
}
