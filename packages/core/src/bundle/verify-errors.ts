import type { RuntimeInfo } from '../backend.ts'
import { TensorferryError } from '../errors.ts'
import type { Difference } from './compare.ts'
import type { Tolerance } from './manifest.ts'

// Loaded when goldens are missing or not met.

/** A difference in words. */
function describeDifference(
  { maxAbs, outside, of, at, expected, got, mismatch }: Difference,
  allowed: Tolerance,
): string {
  if (mismatch !== null) return mismatch
  return `${outside} of ${of} elements are off, the worst at ${at}: expected ${expected}, got ${got}; largest difference ${maxAbs}, allowed ${allowed.atol} + ${allowed.rtol} * |expected|`
}

interface Failed {
  readonly runtime: RuntimeInfo
  /** Name of the golden case. */
  readonly golden: string
  readonly stage: string
  /** In words, such as `output logits`. */
  readonly tensor: string
  /** null: it is missing. */
  readonly difference: Difference | null
  readonly allowed: Tolerance
}

/** A stage that gave other numbers than its golden. */
export function verificationFailed({ runtime, golden, stage, tensor, difference, allowed }: Failed): TensorferryError {
  const where = `${runtime.name}${runtime.provider === null ? '' : ` on ${runtime.provider}`}`
  const how = difference ? describeDifference(difference, allowed) : 'it is missing'
  return new TensorferryError(
    'VERIFICATION_FAILED',
    `${where} gives other numbers than golden ${golden}, ${tensor}: ${how}`,
    { details: { case: golden, stage, tensor, tolerance: allowed, ...difference } },
  )
}

/** A case without the tensors that its outputs are compared with. */
export function noGoldenTensor(golden: string, prefix: string): TensorferryError {
  return new TensorferryError('BUNDLE_INVALID', `goldens: no tensor ${golden}/${prefix}*`, {
    details: { case: golden },
  })
}
