import { TensorferryError } from '../../../errors.ts'
import { tagOf } from '../../../tag-of.ts'
import { elementCount, type Tensor } from '../../../tensor.ts'
import { describeValue } from '../../raw-image.ts'

/**
 * Checks that a value is a float32 tensor whose data fit its shape.
 *
 * @param op - who asks, for the message
 * @throws TensorferryError `INPUT_INVALID`
 */
export function requireFloat32(op: string, value: unknown): Tensor<'float32'> {
  const candidate = value as Tensor<'float32'> | null | undefined
  if (
    candidate?.dtype !== 'float32' ||
    tagOf(candidate.data) !== 'Float32Array' ||
    !Array.isArray(candidate.shape) ||
    candidate.data.length !== elementCount(candidate.shape)
  ) {
    throw new TensorferryError('INPUT_INVALID', `${op}: expected a float32 tensor, got ${describeValue(value)}`)
  }
  return candidate
}

/**
 * Drops leading dimensions of size 1 until `rank` are left.
 *
 * @throws TensorferryError `INPUT_INVALID` when a leading dimension is larger, such as a batch of several, or some are missing
 */
export function trailingShape(op: string, shape: readonly number[], rank: number): readonly number[] {
  const leading = shape.slice(0, -rank)
  if (shape.length < rank || leading.some((size) => size !== 1)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${op}: expected one result of ${rank} dimensions (leading ones of size 1 are dropped), got [${shape.join(', ')}]`,
      { details: { shape } },
    )
  }
  return shape.slice(-rank)
}
