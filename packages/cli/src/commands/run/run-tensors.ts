import { type Model, makeTensor, type Tensor, type Tensors } from '@tensorferry/core'
import type { Result } from './results.ts'

function rowOf({ dtype, data, shape }: Tensor, row: number): Tensor {
  const [rows, ...rest] = shape as [number, ...number[]]
  const size = data.length / rows
  return makeTensor(dtype, data.slice(row * size, (row + 1) * size) as never, [1, ...rest])
}

/**
 * Runs the model on tensors. What a bundle without pictures makes of its outputs, such as labels, is given for each row.
 *
 * @throws TensorferryError as `Model.run` and `Model.predict`
 */
export async function runTensors(
  model: Model,
  tensors: Tensors,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Result> {
  const { manifest, signature } = model
  const hasResult = manifest && manifest.preprocess.length === 0 && manifest.postprocess.length > 0
  if (!hasResult) return (await model.run(tensors, options)) as Result
  const hasBatch = Object.values(signature.dims).some(({ batch }) => batch)
  const rows = Object.values(tensors)[0]?.shape[0] ?? 1
  const isBatch = hasBatch && rows > 1 && Object.values(tensors).every(({ shape }) => shape[0] === rows)
  if (!isBatch) return (await model.predict(tensors, options)) as Result
  const results: Record<string, Result> = {}
  for (let row = 0; row < rows; row++) {
    const one = Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, rowOf(value, row)]))
    results[`row ${row}`] = (await model.predict(one, options)) as Result
  }
  return results
}
