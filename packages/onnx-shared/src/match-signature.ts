import type { Signature, TensorSpec } from '@tensorferry/core'
import type { ModelDescription, ValueDescription } from './model-description.ts'
import type { dtypeOf } from './ort-tensor.ts'
import type { Problem } from './problem.ts'

function invalid(message: string, details: Record<string, unknown>): Problem {
  return { code: 'BUNDLE_INVALID', message: `the signature does not fit the model: ${message}`, details }
}

function matchValues(
  kind: 'input' | 'output',
  specs: readonly TensorSpec[],
  values: readonly ValueDescription[],
  toDtype: typeof dtypeOf,
): Problem | null {
  const names = values.map((value) => value.name)
  for (const spec of specs) {
    const value = values.find(({ name }) => name === spec.name)
    if (!value) {
      return invalid(`it has no ${kind} ${JSON.stringify(spec.name)}, its ${kind}s are ${names.join(', ')}`, {
        [kind]: spec.name,
        known: names,
      })
    }
    const dtype = toDtype(value.type)
    if (spec.dtype !== null && dtype !== null && spec.dtype !== dtype) {
      return invalid(`${kind} ${JSON.stringify(spec.name)} is ${dtype} in the model, ${spec.dtype} in the signature`, {
        [kind]: spec.name,
        expected: spec.dtype,
        dtype,
      })
    }
  }
  return null
}

/**
 * Compares a signature with what ONNX Runtime found in the file. The model may have more outputs: they are not computed.
 *
 * @param toDtype - `dtypeOf`
 * @returns `BUNDLE_INVALID` for a name that the model lacks, an input that the signature lacks, another dtype; null: they fit
 */
export function matchSignature(
  signature: Pick<Signature, 'inputs' | 'outputs'>,
  description: ModelDescription,
  toDtype: typeof dtypeOf,
): Problem | null {
  const mismatch =
    matchValues('input', signature.inputs, description.inputs, toDtype) ??
    matchValues('output', signature.outputs, description.outputs, toDtype)
  if (mismatch) return mismatch
  const missing = description.inputs.find(({ name }) => !signature.inputs.some((spec) => spec.name === name))
  if (!missing) return null
  return invalid(`the model needs input ${JSON.stringify(missing.name)}, which the signature lacks`, {
    input: missing.name,
  })
}
