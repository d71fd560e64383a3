import { float32FromBfloat16, float32FromFloat16 } from './half.ts'
import type { DType, Tensor } from './tensor.ts'

const EDGE_ITEMS = 3
const THRESHOLD = 200

/** One element as a JavaScript value: a half widened to a number, a bool as a boolean, int64 as a bigint. */
export function elementAt(value: Tensor, index: number): number | bigint | boolean | string {
  switch (value.dtype) {
    case 'float16':
      return float32FromFloat16([value.data[index]!])[0]!
    case 'bfloat16':
      return float32FromBfloat16([value.data[index]!])[0]!
    case 'bool':
      return value.data[index] !== 0
    default:
      return value.data[index]!
  }
}

function formatElement(element: number | bigint | boolean | string, dtype: DType): string {
  if (typeof element === 'string') return JSON.stringify(element)
  if (typeof element !== 'number' || Number.isInteger(element)) return String(element)
  return String(Number(element.toPrecision(dtype === 'float64' ? 6 : 4)))
}

/**
 * Text for people: `float32[2, 3] [[1, 2, 3], [4, 5, 6]]`, long dimensions shortened to their edges as PyTorch prints them.
 * In Node, `console.log` of a tensor shows this text.
 */
export function formatTensor(value: Tensor): string {
  const head = `${value.dtype}[${value.shape.join(', ')}]`
  const { length } = value.data
  if (length === 0) return `${head} []`
  const slice = value.shape.length > 0 && length > THRESHOLD
  const write = (dimension: number, offset: number, stride: number, indent: string): string => {
    if (dimension === value.shape.length) return formatElement(elementAt(value, offset), value.dtype)
    const size = value.shape[dimension]!
    const inner = stride / size
    const last = dimension === value.shape.length - 1
    const parts: string[] = []
    for (let i = 0; i < size; i++) {
      if (slice && size > 2 * EDGE_ITEMS && i === EDGE_ITEMS) {
        parts.push('...')
        i = size - EDGE_ITEMS
      }
      parts.push(write(dimension + 1, offset + i * inner, inner, `${indent} `))
    }
    return `[${parts.join(last ? ', ' : `,\n${indent}`)}]`
  }
  const body = write(0, 0, length, ' ')
  return body.includes('\n') ? `${head}\n${body}` : `${head} ${body}`
}
