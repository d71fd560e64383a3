import { float32FromBfloat16, float32FromFloat16, makeTensor, type Tensor, TensorferryError } from '@tensorferry/core'
import { textFromTensor } from '@tensorferry/inference-protocol/tensor-text'

const decoder = new TextDecoder()

function scoresOf(tensor: Tensor, name: string): ArrayLike<number | bigint> {
  switch (tensor.dtype) {
    case 'float16':
      return float32FromFloat16(tensor.data)
    case 'bfloat16':
      return float32FromBfloat16(tensor.data)
    case 'string':
      throw new TensorferryError('INPUT_INVALID', `${name}: classification of a BYTES output; it needs numbers`)
    default:
      return tensor.data
  }
}

/** Positions of the highest scores, the earlier first among equals; NaN counts as the lowest. */
function highest(scores: ArrayLike<number | bigint>, start: number, end: number, count: number): number[] {
  const positions = Array.from({ length: end - start }, (_, index) => start + index)
  const rank = (position: number): number | bigint => {
    const score = scores[position]!
    return Number.isNaN(score) ? Number.NEGATIVE_INFINITY : score
  }
  positions.sort((a, b) => {
    const left = rank(a)
    const right = rank(b)
    return left > right ? -1 : left < right ? 1 : a - b
  })
  return positions.slice(0, count)
}

function textOf(tensor: Tensor, position: number): string {
  const one = (tensor.data as Float32Array<ArrayBuffer>).slice(position, position + 1)
  return decoder.decode(textFromTensor(makeTensor(tensor.dtype, one as never, [1]))).replaceAll('"', '')
}

/**
 * The best classes of an output: `SCORE:INDEX`, or `SCORE:INDEX:LABEL`.
 *
 * @param tensor - scores; with two axes or more the first is the batch, and the others together are the classes
 * @param count - classes wanted of each row; at most as many as there are
 * @returns strings, shape [batch, count], or [count] of an output with one axis
 * @throws TensorferryError `INPUT_INVALID` for an output of strings
 * @see Triton's classification extension
 */
export function classify(
  tensor: Tensor,
  count: number,
  labels: readonly string[] | null,
  name: string,
): Tensor<'string'> {
  const scores = scoresOf(tensor, name)
  const isBatch = tensor.shape.length > 1
  const rows = isBatch ? tensor.shape[0]! : 1
  const classes = rows === 0 ? 0 : scores.length / rows
  const wanted = Math.min(count, classes)
  const found: string[] = []
  for (let row = 0; row < rows; row++) {
    for (const position of highest(scores, row * classes, (row + 1) * classes, wanted)) {
      const index = position - row * classes
      const label = labels?.[index]
      found.push(`${textOf(tensor, position)}:${index}${label === undefined ? '' : `:${label}`}`)
    }
  }
  return makeTensor('string', found, isBatch ? [rows, wanted] : [wanted])
}
