import { makeTensor, type Tensor, TensorferryError, type TensorSpec, type Tensors } from '@tensorferry/core'
import { datatypeOf } from '@tensorferry/inference-protocol/datatypes'
import { tensorFromJsonData } from '@tensorferry/inference-protocol/json-tensor'
import type { ServedModel } from '../models/served-model.ts'
import { isObject } from '../protocol/parse-json.ts'

/** The shape of nested lists, by the first element of each; what does not fit it is refused with the values. */
function shapeOf(value: unknown): readonly number[] {
  return Array.isArray(value) ? [value.length, ...(value.length > 0 ? shapeOf(value[0]) : [])] : []
}

/**
 * A tensor that a model takes as it is: nested lists, or `{"shape": […], "data": […]}` with flat ones.
 *
 * @throws TensorferryError `INPUT_INVALID`
 */
export function tensorFromJson(value: unknown, { name, dtype }: TensorSpec): Tensor {
  if (value === undefined) throw new TensorferryError('INPUT_INVALID', `${name}: expected numbers, got nothing`)
  const isFlat = isObject(value) && Array.isArray(value.shape)
  const shape = isFlat ? (value.shape as number[]) : shapeOf(value)
  return tensorFromJsonData(datatypeOf(dtype ?? 'float32'), shape, isFlat ? value.data : value, name)
}

/** Requests of a row each, where the rows of a model are known to be independent: results are of one row. */
export function splitRows(inputs: Tensors, { signature }: ServedModel): readonly Tensors[] {
  const hasBatch = Object.values(signature.dims).some(({ batch }) => batch)
  const tensors = Object.entries(inputs)
  const rows = tensors[0]?.[1].shape[0] ?? 1
  if (!hasBatch || rows < 2 || !tensors.every(([, { shape }]) => shape[0] === rows)) return [inputs]
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(tensors.map(([name, tensor]) => [name, rowOf(tensor, row)])),
  )
}

function rowOf({ dtype, data, shape }: Tensor, row: number): Tensor {
  const [rows, ...rest] = shape as [number, ...number[]]
  const size = data.length / rows
  return makeTensor(dtype, data.slice(row * size, (row + 1) * size) as never, [1, ...rest])
}
