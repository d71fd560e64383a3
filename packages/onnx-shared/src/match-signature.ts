import { type Signature, TensorferryError, type TensorSpec } from '@tensorferry/core'
import type { ModelDescription, ValueDescription } from './model-description.ts'
import { dtypeOf } from './ort-tensor.ts'

function invalid(message: string, details: Record<string, unknown>): never {
  throw new TensorferryError('BUNDLE_INVALID', `the signature does not fit the model: ${message}`, { details })
}

function matchValues(
  kind: 'input' | 'output',
  specs: readonly TensorSpec[],
  values: readonly ValueDescription[],
): void {
  const names = values.map((value) => value.name)
  for (const spec of specs) {
    const value = values.find(({ name }) => name === spec.name)
    if (!value) {
      invalid(`it has no ${kind} ${JSON.stringify(spec.name)}, its ${kind}s are ${names.join(', ')}`, {
        [kind]: spec.name,
        known: names,
      })
    }
    const dtype = dtypeOf(value.type)
    if (spec.dtype !== null && dtype !== null && spec.dtype !== dtype) {
      invalid(`${kind} ${JSON.stringify(spec.name)} is ${dtype} in the model, ${spec.dtype} in the signature`, {
        [kind]: spec.name,
        expected: spec.dtype,
        dtype,
      })
    }
  }
}

/**
 * Compares a signature with what ONNX Runtime found in the file. The model may have more outputs: they are not computed.
 *
 * @throws TensorferryError `BUNDLE_INVALID` for a name that the model lacks, an input that the signature lacks, another dtype
 */
export function matchSignature(signature: Pick<Signature, 'inputs' | 'outputs'>, description: ModelDescription): void {
  matchValues('input', signature.inputs, description.inputs)
  matchValues('output', signature.outputs, description.outputs)
  const missing = description.inputs.find(({ name }) => !signature.inputs.some((spec) => spec.name === name))
  if (missing) {
    invalid(`the model needs input ${JSON.stringify(missing.name)}, which the signature lacks`, { input: missing.name })
  }
}
