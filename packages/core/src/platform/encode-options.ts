import { TensorferryError } from '../errors.ts'
import type { EncodeOptions } from '../pipeline/image-codecs.ts'
import type { RawImage } from '../pipeline/raw-image.ts'

/**
 * Fills in the defaults of {@link EncodeOptions}.
 *
 * @throws TensorferryError `OPTIONS_INVALID`; `INPUT_INVALID` for alpha in a JPEG
 */
export function checkEncodeOptions(image: RawImage, options: EncodeOptions = {}): Required<EncodeOptions> {
  const { format = 'png', quality = 90 } = options
  if (!['png', 'jpeg', 'webp'].includes(format)) {
    throw new TensorferryError('OPTIONS_INVALID', `format: expected png, jpeg or webp, got ${JSON.stringify(format)}`)
  }
  if (!Number.isInteger(quality) || quality < 1 || quality > 100) {
    throw new TensorferryError('OPTIONS_INVALID', `quality: expected a whole number from 1 to 100, got ${quality}`)
  }
  if (format === 'jpeg' && image.mode === 'RGBA') {
    throw new TensorferryError('INPUT_INVALID', 'encode: JPEG has no alpha; convert the image to RGB or write a png')
  }
  return { format, quality }
}
