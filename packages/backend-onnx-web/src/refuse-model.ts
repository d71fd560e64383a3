import type { Signature } from '@tensorferry/core'
import { checkTypes } from '@tensorferry/onnx-shared/element-types'
import { matchSignature } from '@tensorferry/onnx-shared/match-signature'
import type { ModelDescription } from '@tensorferry/onnx-shared/model-description'

// Loaded when a model is refused: an app whose models work does without.

/**
 * Says why a model that was found not to fit is refused.
 *
 * @throws TensorferryError `BUNDLE_INVALID` where it differs from its signature, `BACKEND_INCOMPATIBLE` for types that cannot be passed
 */
export function refuseModel(description: ModelDescription, signature: Signature | undefined): void {
  if (signature) matchSignature(signature, description)
  checkTypes(description, signature?.outputs.map(({ name }) => name) ?? null, 'onnxruntime-web')
}
