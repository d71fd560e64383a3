import { makeTensor, type Tensor, type Tensors } from '@tensorferry/core'
import type { ServedModel } from '../models/served-model.ts'
import type { RawItem } from '../protocol/raw-request.ts'

/** One item for each row of tensors, where the rows of a model are known to be independent: results are of one row. */
export function splitRows(item: RawItem, { signature }: ServedModel): readonly RawItem[] {
  if (item.error !== undefined) return [item]
  const hasBatch = Object.values(signature.dims).some(({ batch }) => batch)
  const tensors = Object.entries(item.raw as Tensors)
  const rows = tensors[0]?.[1].shape[0] ?? 1
  if (!hasBatch || rows < 2 || !tensors.every(([, { shape }]) => shape[0] === rows)) return [item]
  return Array.from({ length: rows }, (_, row) => ({
    label: `row ${row}`,
    raw: Object.fromEntries(tensors.map(([name, tensor]) => [name, rowOf(tensor, row)])),
  }))
}

function rowOf({ dtype, data, shape }: Tensor, row: number): Tensor {
  const [rows, ...rest] = shape as [number, ...number[]]
  const size = data.length / rows
  return makeTensor(dtype, data.slice(row * size, (row + 1) * size) as never, [1, ...rest])
}
