import * as v from 'valibot'
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
  let file: unknown = source
  if (typeof Blob !== 'undefined' && source instanceof Blob) file = await source.arrayBuffer()
  if (file instanceof ArrayBuffer) file = new Uint8Array(file)
  if (file instanceof Uint8Array) {
    if (file.length === 0) throw (await errors()).emptyFile()
    return codecs.decode(file, mode)
  }
  const pixels = await imageOfPixels(source as RawImage | ImageDataLike)
  const { width, height } = pixels
  if (width * height > MAX_PIXELS) throw (await errors()).tooManyPixels(width, height, MAX_PIXELS)
  // A copy, so that later writes to the caller's pixels cannot show.
  return pixels.mode === mode ? { ...pixels, data: pixels.data.slice() } : convertImage(pixels, { mode })
}

async function imageOfPixels(source: RawImage | ImageDataLike): Promise<RawImage> {
  if (typeof source !== 'object' || source === null || !('data' in source) || !('width' in source)) {
    throw (await errors()).noPicture(describeValue(source))
  }
  if ('mode' in source) return requireImage('decode_image', source)
  const { width, height } = source
  return requireImage('decode_image', { mode: 'RGBA', width, height, data: new Uint8Array(source.data) })
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
