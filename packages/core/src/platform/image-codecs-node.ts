import { noteIgnoredTurn } from '../codecs/orientation.ts'
import { TensorferryError } from '../errors.ts'
import type { ImageCodecs } from '../pipeline/image-codecs.ts'
import { IMAGE_CHANNELS, type ImageMode, MAX_PIXELS, type RawImage, requireImage } from '../pipeline/raw-image.ts'
import { convertImage } from '../pipeline/steps/image/convert-image.ts'
import { checkEncodeOptions } from './encode-options.ts'
import { FORMAT_NAMES, readImageHeader } from './image-header.ts'
import { loadSharp, type Sharp } from './load-sharp.ts'

function requireSharp(load: () => Sharp): Sharp {
  try {
    return load()
  } catch (cause) {
    throw new TensorferryError('DEPENDENCY_MISSING', 'images need the package sharp: npm install sharp', {
      cause,
      details: { package: 'sharp' },
    })
  }
}

/** A Node Buffer's bytes; copied only where they share a pool. */
function ownBytes(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return data.byteLength === data.buffer.byteLength ? new Uint8Array(data.buffer as ArrayBuffer) : new Uint8Array(data)
}

const MODES: Readonly<Record<number, ImageMode>> = { 1: 'L', 3: 'RGB', 4: 'RGBA' }

function imageOfPixels(
  data: Uint8Array,
  { width, height, channels }: { width: number; height: number; channels: number },
): RawImage {
  if (channels === 2) {
    // Gray and alpha: Pillow drops the alpha of LA.
    return { mode: 'L', width, height, data: ownBytes(data).filter((_, index) => index % 2 === 0) }
  }
  return { mode: MODES[channels]!, width, height, data: ownBytes(data) }
}

/**
 * Codecs of Node, Bun and Deno, made with sharp, an optional peer that is loaded on first use.
 *
 * @param load - gives sharp, or throws
 */
export function createNodeImageCodecs(load: () => Sharp = loadSharp): ImageCodecs {
  return {
    async decode(bytes, mode, warnings) {
      const { format, width, height } = readImageHeader(bytes, MAX_PIXELS)
      const sharp = requireSharp(load)
      // The header is checked already; sharp's own limit is another number. Colour profiles would change the pixels.
      const decoding = sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: false }).raw({
        depth: 'uchar',
      })
      const decoded = await decoding.toBuffer({ resolveWithObject: true }).catch((cause: Error) => {
        throw new TensorferryError(
          'INPUT_INVALID',
          `decode_image: the ${FORMAT_NAMES[format]} file (${width} x ${height}) is damaged inside; get or save it anew`,
          { cause, details: { format, width, height } },
        )
      })
      if (warnings) noteIgnoredTurn(bytes, warnings)
      return convertImage(imageOfPixels(decoded.data, decoded.info), { mode })
    },
    async encode(image, options) {
      const { format, quality } = checkEncodeOptions(requireImage('encode', image), options)
      const sharp = requireSharp(load)
      const { mode, width, height, data } = image
      const encoding = sharp(data, { raw: { width, height, channels: IMAGE_CHANNELS[mode] }, limitInputPixels: false })
      // Without it sharp writes gray as RGB.
      if (mode === 'L') encoding.toColourspace('b-w')
      return ownBytes(await encoding.toFormat(format, format === 'png' ? {} : { quality }).toBuffer())
    },
  }
}

/** Codecs of Node, Bun and Deno. */
export const nodeImageCodecs: ImageCodecs = createNodeImageCodecs()
