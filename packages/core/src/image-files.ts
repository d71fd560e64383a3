import { platform } from '#platform'
import type { EncodeOptions } from './pipeline/image-codecs.ts'
import { type RawImage, requireImage } from './pipeline/raw-image.ts'
import type { ConvertImageOptions } from './pipeline/steps/image/convert-image.ts'
import { decodeImage as decodeWith, type ImageSource } from './pipeline/steps/image/decode-image.ts'
import { isBlob, isBytes, tagOf } from './tag-of.ts'

/** How {@link decodeImage} decodes. */
export interface DecodeOptions extends Partial<ConvertImageOptions> {
  /** Turns the picture as the file's EXIF says, as `PIL.ImageOps.exif_transpose` does. Default false. */
  readonly upright?: boolean | undefined
}

/**
 * Decodes a JPEG, PNG or WebP file to Pillow's pixels: no colour management, and no EXIF rotation unless it is asked for.
 *
 * @param file - the file's bytes, or pixels, which are converted to the mode
 * @param options - `mode`: `RGB` or `L`, default `RGB`; `upright`, see {@link DecodeOptions}
 * @throws TensorferryError `INPUT_INVALID` for what is no such file or damaged; `DEPENDENCY_MISSING` when Node has no sharp, or
 *   when a browser cannot give Pillow's pixels; `OUT_OF_MEMORY` in browsers
 * @see PIL.Image.open(file).convert(mode): equal to the last bit
 */
export async function decodeImage(file: ImageSource, options: DecodeOptions = {}): Promise<RawImage> {
  const { upright, ...others } = options
  const source = upright && isBlob(file) ? await file.arrayBuffer() : file
  const image = await decodeWith(source, { mode: 'RGB', ...others }, platform.codecs)
  const bytes = tagOf(source) === 'ArrayBuffer' ? new Uint8Array(source as ArrayBuffer) : source
  if (!upright || !isBytes(bytes)) return image
  const { readOrientation, turnUpright } = await import('./codecs/orientation.ts')
  return turnUpright(image, readOrientation(bytes))
}

/**
 * Writes an image file: what `predict` of an image-to-image bundle gave, or any {@link RawImage}.
 *
 * @param image - pixels; anything else that `predict` can give is refused
 * @param options - `format` (default `png`, which loses nothing) and `quality`
 * @returns the file's bytes
 * @throws TensorferryError `INPUT_INVALID`; `DEPENDENCY_MISSING` when Node has no sharp
 */
export async function encodeImage(image: RawImage | object, options?: EncodeOptions): Promise<Uint8Array<ArrayBuffer>> {
  return platform.codecs.encode(requireImage('encodeImage', image), options)
}
