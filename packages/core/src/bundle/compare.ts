import { DTYPES } from '../dtype.ts'
import { float32FromBfloat16, float32FromFloat16 } from '../half.ts'
import type { DType, Tensor } from '../tensor.ts'
import type { Tolerance } from './manifest.ts'

/** How far two tensors are apart. */
export interface Difference {
  /** Largest absolute difference; Infinity where one is NaN or infinite and the other is not, or dtype or shape differ. */
  readonly maxAbs: number
  /** Elements outside the tolerance. */
  readonly outside: number
  /** Elements compared. */
  readonly of: number
  /** Index of the worst element; -1 when dtype or shape differ. */
  readonly at: number
  readonly expected: number | bigint | string | null
  readonly got: number | bigint | string | null
  /** Set when dtype or shape differ. */
  readonly mismatch: string | null
}

/** By precision; goldens of a bundle may carry wider ones. Integers, bools and strings are compared exactly. */
export const DEFAULT_TOLERANCE: Readonly<Partial<Record<DType, Tolerance>>> = {
  float64: { atol: 1e-9, rtol: 1e-7 },
  float32: { atol: 1e-5, rtol: 1e-4 },
  float16: { atol: 1e-3, rtol: 1e-2 },
  bfloat16: { atol: 1e-2, rtol: 2e-2 },
}

/** No difference at all. */
const EXACT: Tolerance = { atol: 0, rtol: 0 }

function numbersOf(value: Tensor): ArrayLike<number | bigint | string> {
  if (value.dtype === 'float16') return float32FromFloat16(value.data)
  if (value.dtype === 'bfloat16') return float32FromBfloat16(value.data)
  return value.data
}

/**
 * Compares a result with its golden: `|got - expected| <= atol + rtol * |expected|`, NaN equal to NaN.
 *
 * @param tolerance - used for floating dtypes alone
 */
export function compareTensors(got: Tensor, expected: Tensor, tolerance: Tolerance): Difference {
  const describe = ({ dtype, shape }: Tensor): string => `${dtype}[${shape.join(', ')}]`
  if (describe(got) !== describe(expected)) {
    const mismatch = `expected ${describe(expected)}, got ${describe(got)}`
    return {
      maxAbs: Number.POSITIVE_INFINITY,
      outside: got.data.length,
      of: expected.data.length,
      at: -1,
      expected: null,
      got: null,
      mismatch,
    }
  }
  const { atol, rtol } = DTYPES[expected.dtype].floating ? tolerance : EXACT
  const a = numbersOf(got)
  const b = numbersOf(expected)
  let maxAbs = 0
  let outside = 0
  let worst = 0
  let worstExcess = Number.NEGATIVE_INFINITY
  for (let i = 0; i < b.length; i++) {
    const x = a[i]!
    const y = b[i]!
    if (Object.is(x, y)) continue
    // Equal infinities and signed zeros differ by nothing; a NaN against a number, or two texts, without bound.
    // Bigints too: both sides have one dtype.
    const gap = typeof x === 'string' ? Number.NaN : Number((x as number) - (y as number))
    let difference = x === y ? 0 : Math.abs(gap)
    if (Number.isNaN(difference)) difference = Number.POSITIVE_INFINITY
    const allowed = atol + rtol * Math.abs(Number(y))
    const excess = difference - (Number.isFinite(allowed) ? allowed : 0)
    if (excess > 0) outside++
    if (difference > maxAbs) maxAbs = difference
    if (excess > worstExcess) {
      worstExcess = excess
      worst = i
    }
  }
  return { maxAbs, outside, of: b.length, at: worst, expected: b[worst] ?? null, got: a[worst] ?? null, mismatch: null }
}
