import { TensorferryError } from '@tensorferry/core'
import type { LoadedModel } from './messages.ts'
import { dtypeOf } from './shared.ts'

/**
 * Refuses values that the SDK has no dtype for: sequences, maps, optionals, unsigned integers over 8 bits, 4-bit ones.
 *
 * @param outputs - names that will be computed; null: all of the model's
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` naming the input or output and its type
 */
export function checkTypes(description: LoadedModel, outputs: readonly string[] | null): void {
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
