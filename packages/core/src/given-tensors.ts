import { describeGiven } from './describe-given.ts'
import { TensorferryError } from './errors.ts'
import type { Tensor } from './tensor.ts'

// Loaded for bundles with inputs that no steps make, or with several raw inputs.

/**
 * What `predict` got beside pictures; the session checks the tensors, and refuses names that it does not know.
 *
 * @param before - the raw inputs
 * @param given - names of the inputs that no steps make
 * @throws TensorferryError `INPUT_INVALID` for what is no object by name
 */
export function givenTensors(
  value: unknown,
  before: readonly { readonly raw: string }[],
  given: readonly string[],
): Record<string, Tensor> {
  const raws = before.map(({ raw }) => raw)
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !('data' in value)) {
    return Object.fromEntries(Object.entries(value).filter(([name]) => !raws.includes(name)))
  }
  const names = [...raws, ...given]
  throw new TensorferryError(
    'INPUT_INVALID',
    `predict: expected an object { ${names.join(', ')} }: pictures by the names of their raw inputs, tensors by those of their inputs; got ${describeGiven(value)}`,
    { details: { names } },
  )
}
