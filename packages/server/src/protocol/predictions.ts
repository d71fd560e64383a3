import type { Tensor, Tensors } from '@tensorferry/core'
import { textFromTensor } from '@tensorferry/inference-protocol/tensor-text'

/** Texts of a tensor's elements, as JSON has them. */
function elementTexts(tensor: Tensor): readonly string[] {
  if (tensor.dtype === 'string') return tensor.data.map((text) => JSON.stringify(text))
  const text = Buffer.from(textFromTensor(tensor)).toString()
  return text === '' ? [] : text.split(',')
}

function nest(texts: readonly string[], shape: readonly number[]): string {
  if (shape.length === 0) return texts[0]!
  let level: readonly string[] = texts
  // The innermost axis first.
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!
    const count = shape.slice(0, axis).reduce((product, one) => product * one, 1)
    level = Array.from({ length: count }, (_, index) => `[${level.slice(index * size, (index + 1) * size).join(',')}]`)
  }
  return level[0]!
}

/**
 * Results of one instance as KServe's v1 protocol has them: one output is its nested values, several are an object of them.
 *
 * @param hasRows - axis 0 is the batch, and the instance is its only row: it is left out
 */
export function predictionText(outputs: Tensors, hasRows: boolean): string {
  const texts = Object.entries(outputs).map(([name, tensor]) => {
    const shape = hasRows && tensor.shape[0] === 1 ? tensor.shape.slice(1) : tensor.shape
    return [JSON.stringify(name), nest(elementTexts(tensor), shape)] as const
  })
  if (texts.length === 1) return texts[0]![1]
  return `{${texts.map(([name, text]) => `${name}:${text}`).join(',')}}`
}

/** {@link predictionText} of every row of a run, in their order. */
export function rowTexts(outputs: Tensors, rows: number): readonly string[] {
  const columns = Object.entries(outputs).map(([name, tensor]) => {
    const texts = elementTexts(tensor)
    const shape = tensor.shape.slice(1)
    const size = texts.length / rows
    return { name: JSON.stringify(name), at: (row: number) => nest(texts.slice(row * size, (row + 1) * size), shape) }
  })
  return Array.from({ length: rows }, (_, row) =>
    columns.length === 1 ? columns[0]!.at(row) : `{${columns.map(({ name, at }) => `${name}:${at(row)}`).join(',')}}`,
  )
}
