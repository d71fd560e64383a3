import type { Tensor } from '../../../tensor.ts'
import { IMAGE_CHANNELS, type RawImage, requireImage } from '../../raw-image.ts'
import { type NormalizeOptions, normalizeValues, requirePerChannel } from '../tensor/normalize.ts'
import { pixelTable, planesFromPixels } from './to-tensor.ts'

/**
 * {@link toTensor} then {@link normalize} in one pass: a channel has 256 possible pixels, so 256 results.
 *
 * @returns float32, shape [channels, height, width], the same to the last bit
 * @throws TensorferryError `INPUT_INVALID` when `mean` or `std` has not one entry per channel or a std is 0
 */
export function toTensorNormalize(image: RawImage, options: NormalizeOptions): Tensor<'float32'> {
  const channels = IMAGE_CHANNELS[requireImage('to_tensor', image).mode]
  requirePerChannel(options, channels)
  const pixels = pixelTable()
  const tables = options.mean.map((mean, channel) => normalizeValues(pixels, mean, options.std[channel]!))
  return planesFromPixels(image, tables)
}
