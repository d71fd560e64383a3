import { type Artifact, type Signature, TensorferryError } from '@tensorferry/core'
import { matchSignature } from '../../backend-onnx-node/src/match-signature.ts'
import type { LoadedModel } from './messages.ts'
import { dtypeOf } from './shared.ts'

// Loaded when a model is refused: an app whose models work does without.

/**
 * Refuses values that the SDK has no dtype for: sequences, maps, optionals, unsigned integers over 8 bits, 4-bit ones.
 *
 * @param outputs - names that will be computed; null: all of the model's
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` naming the input or output and its type
 */
function checkTypes(description: LoadedModel, outputs: readonly string[] | null): void {
  for (const kind of ['input', 'output'] as const) {
    for (const { name, type } of description[`${kind}s`]) {
      const isUsed = kind === 'input' || outputs === null || outputs.includes(name)
      if (!isUsed || dtypeOf(type) !== null) continue
      const found = type ?? 'a sequence, map or optional'
      throw new TensorferryError(
        'BACKEND_INCOMPATIBLE',
        `${kind} ${JSON.stringify(name)} is ${found}, which onnxruntime-web cannot pass; export the model with a cast to float32, int32 or int64 there`,
        { details: { [kind]: name, type: found } },
      )
    }
  }
}

/**
 * Says why a model that was found not to fit is refused.
 *
 * @throws TensorferryError `BUNDLE_INVALID` where it differs from its signature, `BACKEND_INCOMPATIBLE` for types that cannot be passed
 */
export function refuseModel(description: LoadedModel, signature: Signature | undefined): void {
  if (signature) matchSignature(signature, { ...description, refused: [] })
  checkTypes(description, signature ? signature.outputs.map(({ name }) => name) : null)
}

/** The error for external data that is not among a model's files. */
export function missingFile({ files }: Artifact, path: string, hasManifest: boolean): TensorferryError {
  const listed = files.map((file) => file.path)
  return new TensorferryError(
    hasManifest ? 'BUNDLE_INVALID' : 'NOT_FOUND',
    `${files[0].path} keeps weights in ${JSON.stringify(path)}, which is not among its files (${listed.join(', ')}); ` +
      (hasManifest ? "list it in the artifact's files" : 'put it beside the model under that name'),
    { details: { missing: path, listed } },
  )
}
