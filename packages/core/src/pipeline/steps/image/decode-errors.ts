import { TensorferryError } from '../../../errors.ts'

// Loaded when a picture is refused.

/** A file of no bytes. */
export function emptyFile(): TensorferryError {
  return new TensorferryError('INPUT_INVALID', 'decode_image: the file is empty (0 bytes)')
}

/** Pixels that are too many. */
export function tooManyPixels(width: number, height: number, most: number): TensorferryError {
  return new TensorferryError(
    'INPUT_INVALID',
    `decode_image: ${width} x ${height} has more than ${most} pixels; shrink it first`,
    { details: { width, height } },
  )
}

/** What is neither a file nor pixels, `got` in words. */
export function noPicture(got: string): TensorferryError {
  return new TensorferryError(
    'INPUT_INVALID',
    `decode_image: expected a JPEG, PNG or WebP file as Uint8Array, ArrayBuffer or Blob, or pixels { width, height, data }, got ${got}`,
  )
}
