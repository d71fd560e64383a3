import * as v from 'valibot'
import { makeTensor, type Tensor } from '../../../tensor.ts'
import type { Step } from '../../step.ts'
import { requireFloat32 } from './require-tensor.ts'

/** Options of {@link clamp}. */
export interface ClampOptions {
  readonly min: number
  readonly max: number
}

/**
 * Limits each value to `min`..`max`, both rounded to float32; NaN stays NaN, and `max` wins where `min` is larger.
 *
 * @param value - float32, any shape
 * @returns float32, same shape
 * @throws TensorferryError `INPUT_INVALID`
 * @see torch.clamp: equal to the last bit
 */
export function clamp(value: Tensor<'float32'>, options: ClampOptions): Tensor<'float32'> {
  const { data, shape } = requireFloat32('clamp', value)
  const min = Math.fround(options.min)
  const max = Math.fround(options.max)
  const output = data.map((element) => {
    // Not Math.max: of -0 and 0 torch keeps the element's zero.
    if (element < min) return Math.min(min, max)
    if (element > max) return max
    return element
  })
  return makeTensor('float32', output, shape)
}

/** Step `clamp`, see {@link clamp}. */
export const clampStep = {
  op: 'clamp',
  schema: v.strictObject({ op: v.literal('clamp'), min: v.number(), max: v.number() }),
  takes: 'tensor',
  gives: 'tensor',
  run: (value: Tensor<'float32'>, options: ClampOptions) => clamp(value, options),
} as const satisfies Step
