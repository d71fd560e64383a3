import type { Signature } from '@tensorferry/core'
import { findUnsupported } from '@tensorferry/onnx-shared/element-types'
import { matchSignature } from '@tensorferry/onnx-shared/match-signature'
import type { ModelDescription } from '@tensorferry/onnx-shared/model-description'
import type { dtypeOf } from '@tensorferry/onnx-shared/ort-tensor'
import type { Problem } from '@tensorferry/onnx-shared/problem'

// Loaded when a model is refused: an app whose models work does without.

/**
 * Says why a model that was found not to fit is refused.
 *
 * @param toDtype - `dtypeOf`
 * @returns `BUNDLE_INVALID` where it differs from its signature, `BACKEND_INCOMPATIBLE` for types that cannot be passed
 */
export function whyRefused(
  description: ModelDescription,
  signature: Signature | undefined,
  toDtype: typeof dtypeOf,
): Problem | null {
  const computed = signature?.outputs.map(({ name }) => name) ?? null
  return (
    (signature && matchSignature(signature, description, toDtype)) ??
    findUnsupported(description, computed, 'onnxruntime-web', toDtype)
  )
}
