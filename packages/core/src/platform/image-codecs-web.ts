import { TensorferryError } from '../errors.ts'
import type { EncodeOptions } from '../pipeline/image-codecs.ts'
import type { RawImage } from '../pipeline/raw-image.ts'
import { checkEncodeOptions } from './encode-options.ts'
import { exifOrientation, FORMAT_NAMES, readImageHeader } from './image-header.ts'

// Loaded with the first picture file. What it needs of pipeline/ the caller does: a module that the app's first file has too
// would get a file of its own.

const MIME = { jpeg: 'image/jpeg', png: 'image/png', webp: 'image/webp' } as const

function context2d(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (context) return context
  throw new TensorferryError('OUT_OF_MEMORY', `no canvas of ${width} x ${height} pixels could be had`)
}

function isOpaque(pixels: Uint8ClampedArray): boolean {
  for (let at = 3; at < pixels.length; at += 4) if (pixels[at] !== 255) return false
  return true
}

/**
 * Decodes a picture with the browser.
 *
 * @param mostPixels - that are decoded
 * @returns an image of mode RGBA
 * @throws TensorferryError `INPUT_INVALID` for what a canvas does not give exactly: EXIF rotation, alpha
 */
export async function decodeOnCanvas(bytes: Uint8Array, mostPixels: number): Promise<RawImage> {
  const header = readImageHeader(bytes, mostPixels)
  const orientation = exifOrientation(header)
  if (orientation !== 1) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `decode_image: browsers rotate by EXIF (orientation ${orientation}), Pillow does not; save the picture upright, or decode it and pass pixels`,
      { details: { orientation } },
    )
  }
  const blob = new Blob([bytes as Uint8Array<ArrayBuffer>], { type: MIME[header.format] })
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }).catch(
    (cause: Error) => {
      throw new TensorferryError(
        'INPUT_INVALID',
        `decode_image: the ${FORMAT_NAMES[header.format]} file is damaged inside; get or save it anew`,
        { cause },
      )
    },
  )
  const { width, height } = bitmap
  const context = context2d(width, height)
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  const { data } = context.getImageData(0, 0, width, height)
  if (!isOpaque(data)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      'decode_image: a browser multiplies colours by alpha and cannot give them back exactly; save the picture without alpha',
    )
  }
  return { mode: 'RGBA', width, height, data: new Uint8Array(data.buffer as ArrayBuffer) }
}

/** Encodes a picture with the browser; refuses alpha, which a canvas does not keep exactly. */
export async function encodeOnCanvas(image: RawImage, options?: EncodeOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { format, quality } = checkEncodeOptions(image, options)
  const { width, height } = image
  const channels = image.data.length / (width * height)
  const pixels = new Uint8ClampedArray(width * height * 4)
  for (let at = 0, from = 0; at < pixels.length; at += 4, from += channels) {
    for (let i = 0; i < 3; i++) pixels[at + i] = image.data[channels === 1 ? from : from + i]!
    pixels[at + 3] = channels === 4 ? image.data[from + 3]! : 255
  }
  if (!isOpaque(pixels)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      'encode: a canvas does not keep alpha exactly; convert the image to RGB',
    )
  }
  const context = context2d(width, height)
  context.putImageData(new ImageData(pixels, width, height), 0, 0)
  const blob = await context.canvas.convertToBlob({ type: MIME[format], quality: quality / 100 })
  if (blob.type !== MIME[format]) {
    throw new TensorferryError('OPTIONS_INVALID', `format: this browser does not write ${format}; take png`)
  }
  return new Uint8Array(await blob.arrayBuffer())
}
