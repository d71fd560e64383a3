import * as v from 'valibot'
import { TensorferryError } from '../../../errors.ts'
import { makeTensor, type Tensor } from '../../../tensor.ts'
import { type RawImage, requireImage } from '../../raw-image.ts'
import type { Step, StepContext } from '../../step.ts'
import { requireFloat32, trailingShape } from '../tensor/require-tensor.ts'
import { QUANTIZATIONS, type Quantization } from './quantize.ts'
import { INTERPOLATIONS, type Interpolation } from './resample-coefficients.ts'
import { passOrderSchema, resize } from './resize.ts'
import { toImage } from './to-image.ts'
import { rgbFromPlanes } from './ycbcr.ts'

/** Options of {@link mergeYcbcr}. */
export interface MergeYcbcrOptions {
  /** How Cb and Cr are resized to the size of Y. */
  readonly upscale: Interpolation
  /** How Y becomes uint8, see {@link ToImageOptions}. */
  readonly quantize: Quantization
  /** Matters only where Y is smaller than the chroma. Default '13'. */
  readonly pillow_pass_order?: 'legacy' | '13'
}

/**
 * Makes an RGB image of a network's luma and the chroma of the original.
 *
 * @param luma - float32 of 0..1, shape [height, width], [1, height, width] or [1, 1, height, width]; values outside are clipped
 * @param chroma - Cb and Cr, mode L, of any size
 * @returns uint8 image of mode RGB, height x width
 * @throws TensorferryError `INPUT_INVALID`
 * @see PIL.Image.merge('YCbCr', ...).convert('RGB') of the resized planes: equal to the last bit
 */
export function mergeYcbcr(
  luma: Tensor<'float32'>,
  chroma: { readonly Cb: RawImage; readonly Cr: RawImage },
  { upscale, quantize, pillow_pass_order = '13' }: MergeYcbcrOptions,
): RawImage {
  const { data, shape } = requireFloat32('merge_ycbcr', luma)
  const [height, width] = trailingShape('merge_ycbcr', shape, 2) as [number, number]
  const y = toImage(makeTensor('float32', data, [1, height, width]), { quantize })
  const enlarge = (plane: RawImage): RawImage =>
    resize(requireImage('merge_ycbcr', plane, ['L']), {
      size: [height, width],
      interpolation: upscale,
      pillow_pass_order,
    })
  return rgbFromPlanes(y, enlarge(chroma.Cb), enlarge(chroma.Cr))
}

const schema = v.strictObject({
  op: v.literal('merge_ycbcr'),
  upscale: v.picklist(INTERPOLATIONS),
  quantize: v.picklist(QUANTIZATIONS),
  pillow_pass_order: passOrderSchema,
})

/** Step `merge_ycbcr`: {@link mergeYcbcr} with the planes that `split_ycbcr` kept. */
export const mergeYcbcrStep = {
  op: 'merge_ycbcr',
  schema,
  takes: 'tensor',
  gives: 'image',
  run(luma: Tensor<'float32'>, options: MergeYcbcrOptions, { keptPlanes }: StepContext): RawImage {
    const { Cb, Cr } = keptPlanes
    if (!Cb || !Cr) {
      throw new TensorferryError(
        'INPUT_INVALID',
        `merge_ycbcr: expected the planes Cb and Cr in the context, got ${Object.keys(keptPlanes).join(', ') || 'none'}; preprocess with split_ycbcr and keep ["Cb", "Cr"], and hand its context on`,
        { details: { kept: Object.keys(keptPlanes) } },
      )
    }
    return mergeYcbcr(luma, { Cb, Cr }, options)
  },
} as const satisfies Step
