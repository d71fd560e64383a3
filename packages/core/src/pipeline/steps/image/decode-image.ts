import * as v from 'valibot'
import { isBlob, isBytes, tagOf } from '../../../tag-of.ts'
import type { ImageCodecs } from '../../image-codecs.ts'
import { describeValue, MAX_PIXELS, type RawImage, requireImage } from '../../raw-image.ts'
import type { Step, StepContext } from '../../step.ts'
import { type ConvertImageOptions, convertImage } from './convert-image.ts'

/** Pixels as a canvas gives them: RGBA, straight alpha. */
export interface ImageDataLike {
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  /** Shape [height, width, 4]. */
  readonly data: Uint8ClampedArray | Uint8Array
}

/** What `decode_image` takes: a JPEG, PNG or WebP file, or pixels that are decoded already. */
export type ImageSource = Uint8Array | ArrayBuffer | Blob | RawImage | ImageDataLike

const errors = () => import('./decode-errors.ts')

/**
 * Decodes a file, or takes pixels, and converts them to a mode as Pillow does: no colour management, no EXIF rotation.
 *
 * @returns uint8 image of the mode
 * @throws TensorferryError `INPUT_INVALID`, `DEPENDENCY_MISSING` from the codecs
 * @see PIL.Image.open(file).convert(mode): equal to the last bit for what the codecs do not refuse
 */
export async function decodeImage(
  source: ImageSource,
  { mode }: ConvertImageOptions,
  codecs: ImageCodecs,
): Promise<RawImage> {
  const own = callersPixels(source, { mode })
  if (own) return { ...own, data: own.data.slice() }
  let file: unknown = source
  if (isBlob(source)) file = await source.arrayBuffer()
  if (tagOf(file) === 'ArrayBuffer') file = new Uint8Array(file as ArrayBuffer)
  if (isBytes(file)) {
    if (file.length === 0) throw (await errors()).emptyFile()
    return codecs.decode(file, mode)
  }
  // Nothing is awaited from here on, so that later writes to the caller's pixels cannot show.
  const pixels = imageOfPixels(source as RawImage | ImageDataLike)
  if (!pixels) throw (await errors()).noPicture(describeValue(source))
  const { width, height } = pixels
  if (width * height > MAX_PIXELS) throw (await errors()).tooManyPixels(width, height, MAX_PIXELS)
  return convertImage(pixels, { mode })
}

/**
 * Pixels that `decode_image` would only copy: the caller's own, to be read before anything is awaited.
 *
 * @returns null for a file, another mode or too many pixels, which {@link decodeImage} deals with
 * @throws TensorferryError `INPUT_INVALID` when the data do not fit the size
 */
export function callersPixels(source: unknown, { mode }: ConvertImageOptions): RawImage | null {
  if (typeof source !== 'object' || source === null || !('data' in source) || !('width' in source)) return null
  if ((source as { mode?: unknown }).mode !== mode) return null
  const { width, height, data } = requireImage('decode_image', source)
  return width * height > MAX_PIXELS ? null : { mode, width, height, data }
}

/** The pixels as an image, not copied; null where there are none. */
function imageOfPixels(source: RawImage | ImageDataLike): RawImage | null {
  if (typeof source !== 'object' || source === null || !('data' in source) || !('width' in source)) return null
  const { width, height, data } = source
  return requireImage('decode_image', 'mode' in source ? source : { mode: 'RGBA', width, height, data })
}

/** Step `decode_image`, see {@link decodeImage}. */
export const decodeImageStep = {
  op: 'decode_image',
  schema: v.strictObject({ op: v.literal('decode_image'), mode: v.picklist(['RGB', 'L']) }),
  takes: 'file',
  gives: 'image',
  async run(source: ImageSource, options: ConvertImageOptions, context: StepContext): Promise<RawImage> {
    const image = await decodeImage(source, options, context.codecs)
    context.originalSize = { width: image.width, height: image.height }
    return image
  },
} as const satisfies Step
