import { TensorferryError } from '../errors.ts'

/** A file that its own format does not allow, found while it was decoded. */
export function damagedPicture(format: 'JPEG' | 'PNG' | 'WebP', found: string, cause?: unknown): TensorferryError {
  return new TensorferryError(
    'INPUT_INVALID',
    `decode_image: the ${format} file is damaged inside (${found}); get or save it anew`,
    cause === undefined ? {} : { cause },
  )
}
