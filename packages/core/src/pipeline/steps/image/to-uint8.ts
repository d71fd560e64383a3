import type { Tensor } from '../../../tensor.ts'
import type { RawImage } from '../../raw-image.ts'

// Loaded when a bundle has the step. It imports nothing: what two files share becomes one more download.

/** Options of {@link toUint8}. */
export interface ToUint8Options {
  /** 'chw' puts the channels first as PyTorch's own models want them, 'hwc' last as TensorFlow's and cameras have them. */
  readonly layout: 'chw' | 'hwc'
}

/**
 * The pixels as they are, for a network that scales and normalizes by itself.
 *
 * @param image - any mode
 * @returns uint8, shape [channels, height, width] or [height, width, channels], 0 to 255
 * @see torchvision.transforms.functional.pil_to_tensor for 'chw', numpy.asarray of Pillow's image for 'hwc'
 */
export function toUint8({ data, height, width }: RawImage, { layout }: ToUint8Options): Tensor<'uint8'> {
  const plane = height * width
  const channels = data.length / plane
  // A copy in either case: the pixels may be the caller's.
  if (layout === 'hwc') return { dtype: 'uint8', data: data.slice(), shape: [height, width, channels] }
  const output = new Uint8Array(data.length)
  let at = 0
  for (let channel = 0; channel < channels; channel++) {
    for (let i = channel; i < data.length; i += channels) output[at++] = data[i]!
  }
  return { dtype: 'uint8', data: output, shape: [channels, height, width] }
}
