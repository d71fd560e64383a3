import { bareJpeg, bareWebp } from '../codecs/bare-picture.ts'
import { damagedPicture } from '../codecs/damaged.ts'
import { noteIgnoredTurn } from '../codecs/orientation.ts'
import { decodePng } from '../codecs/png-decode.ts'
import { encodePng } from '../codecs/png-encode.ts'
import { decodeWithWasm } from '../codecs/wasm-decoders.ts'
import { decodeWebpLossless } from '../codecs/webp-lossless.ts'
import { TensorferryError } from '../errors.ts'
import type { EncodeOptions } from '../pipeline/image-codecs.ts'
import type { RawImage } from '../pipeline/raw-image.ts'
import { context2d, decodeExactly } from './canvas-pixels.ts'
import { checkEncodeOptions } from './encode-options.ts'
import { type ImageHeader, readImageHeader } from './image-header.ts'

// Loaded with the first picture file. What it needs of pipeline/ the caller does: a module that the app's first file has too
// would get a file of its own.

async function decodeWebp(bytes: Uint8Array, header: ImageHeader): Promise<RawImage> {
  const bare = bareWebp(bytes)
  if (!bare) throw damagedPicture('WebP', 'it holds no picture')
  const { lossless, hasAlpha } = bare
  // The bit that says so is a hint: what is not opaque in spite of it comes back as null.
  const pixels = hasAlpha ? null : await decodeExactly(bare.bytes, 'webp', header)
  if (!pixels && lossless) return decodeWebpLossless(lossless, header)
  // The whole file: damage to its alpha is found, as Pillow finds it.
  return { mode: 'RGB', ...(pixels ?? (await decodeWithWasm('webp', bytes, header))) }
}

async function decodeJpeg(bytes: Uint8Array, header: ImageHeader): Promise<RawImage> {
  const bare = bareJpeg(bytes)
  const pixels = await decodeExactly(bare.bytes, bare.isUsual ? 'jpeg' : 'tallJpeg', header).catch((error: unknown) => {
    if (bare.isArithmetic) return null
    throw error
  })
  return { mode: 'RGB', ...(pixels ?? (await decodeWithWasm('jpeg', bytes, header))) }
}

/** Streams of deflate: PNG is read and written without a canvas. */
function requireStreams(): void {
  if (typeof DecompressionStream !== 'undefined') return
  throw new TensorferryError(
    'DEPENDENCY_MISSING',
    'PNG needs CompressionStream and DecompressionStream, which this browser lacks (Chrome and Edge have them from 80 on, Firefox from 113, Safari from 16.4); pass pixels { width, height, data }',
  )
}

/**
 * Decodes a picture to the pixels that Pillow gives: PNG, and lossless WebP with alpha, by itself; JPEG and other WebP with the
 * browser where that is exact, else in WebAssembly.
 *
 * @param mostPixels - that are decoded
 * @param warnings - a turn in the file's EXIF is put here, once
 * @returns an image of mode L or RGB
 * @throws TensorferryError `INPUT_INVALID`, `DEPENDENCY_MISSING` when the browser lacks what is needed, `OUT_OF_MEMORY`
 */
export async function decodeInBrowser(bytes: Uint8Array, mostPixels: number, warnings?: string[]): Promise<RawImage> {
  const header = readImageHeader(bytes, mostPixels)
  if (warnings) noteIgnoredTurn(bytes, warnings)
  if (header.format === 'jpeg') return decodeJpeg(bytes, header)
  if (header.format === 'webp') return decodeWebp(bytes, header)
  requireStreams()
  // Streams take no shared memory.
  return decodePng(new Uint8Array(bytes))
}

function isOpaque(pixels: Uint8ClampedArray): boolean {
  for (let at = 3; at < pixels.length; at += 4) if (pixels[at] !== 255) return false
  return true
}

/** Encodes a picture: PNG by itself, exactly; JPEG and WebP with the browser, which keeps alpha from neither. */
export async function encodeInBrowser(image: RawImage, options?: EncodeOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { format, quality } = checkEncodeOptions(image, options)
  if (format === 'png') {
    requireStreams()
    return encodePng(image)
  }
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
      'encode: a canvas does not keep alpha exactly; take png, or convert the image to RGB',
    )
  }
  const context = context2d(width, height)
  context.putImageData(new ImageData(pixels, width, height), 0, 0)
  const type = `image/${format}`
  const blob = await context.canvas.convertToBlob({ type, quality: quality / 100 })
  if (blob.type !== type) {
    throw new TensorferryError('OPTIONS_INVALID', `format: this browser does not write ${format}; take png`)
  }
  return new Uint8Array(await blob.arrayBuffer())
}
