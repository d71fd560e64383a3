import { crc32 } from '../codecs/crc32.ts'
import { damagedPicture } from '../codecs/damaged.ts'
import { PROBES, type ProbePicture } from '../codecs/probe-pictures.ts'
import type { Pixels } from '../codecs/wasm-decoders.ts'
import { TensorferryError } from '../errors.ts'
import { FORMAT_NAMES } from './image-header.ts'

/** Pixels of a tile: canvases have limits that pictures have not. */
const TILE_WIDTH = 4096
const TILE_PIXELS = 1 << 22

/** A canvas that is kept in the processor's memory, where nothing is rounded. */
export function context2d(width: number, height: number): OffscreenCanvasRenderingContext2D {
  if (typeof OffscreenCanvas === 'undefined' || typeof createImageBitmap === 'undefined') {
    throw new TensorferryError(
      'DEPENDENCY_MISSING',
      'pictures need createImageBitmap and OffscreenCanvas, which this browser lacks (Chrome and Edge have them from 69 on, Firefox from 105, Safari from 16.4); pass pixels { width, height, data }',
    )
  }
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (context) return context
  throw new TensorferryError('OUT_OF_MEMORY', `no canvas of ${width} x ${height} pixels could be had`)
}

/** Reads a bitmap tile by tile; null: some of it is not opaque, so that its colours are lost. */
function readBitmap(bitmap: ImageBitmap): Pixels | null {
  const { width, height } = bitmap
  const data = new Uint8Array(width * height * 3)
  const tileWidth = Math.min(width, TILE_WIDTH)
  const tileHeight = Math.min(height, Math.floor(TILE_PIXELS / tileWidth))
  const context = context2d(tileWidth, tileHeight)
  context.globalCompositeOperation = 'copy'
  context.imageSmoothingEnabled = false
  for (let top = 0; top < height; top += tileHeight) {
    for (let left = 0; left < width; left += tileWidth) {
      context.drawImage(bitmap, -left, -top)
      const columns = Math.min(tileWidth, width - left)
      const rows = Math.min(tileHeight, height - top)
      const tile = context.getImageData(0, 0, columns, rows).data
      for (let row = 0, at = 0; row < rows; row++) {
        let out = ((top + row) * width + left) * 3
        for (let column = 0; column < columns; column++, at += 4, out += 3) {
          if (tile[at + 3] !== 255) return null
          data[out] = tile[at]!
          data[out + 1] = tile[at + 1]!
          data[out + 2] = tile[at + 2]!
        }
      }
    }
  }
  return { width, height, data }
}

async function decode(bytes: Uint8Array<ArrayBuffer>, format: 'jpeg' | 'webp'): Promise<Pixels | null> {
  // Before the bitmap: a browser without them says what it lacks.
  context2d(1, 1)
  const blob = new Blob([bytes], { type: `image/${format}` })
  const options = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' } as const
  const bitmap = await createImageBitmap(blob, options).catch((cause: Error) => {
    throw damagedPicture(FORMAT_NAMES[format], 'or of a kind that this browser does not read', cause)
  })
  try {
    return readBitmap(bitmap)
  } finally {
    bitmap.close()
  }
}

const probed = new Map<ProbePicture, Promise<boolean>>()

/** Whether this browser gives Pillow's pixels for a probe; asked once. */
async function isExact(probe: ProbePicture, format: 'jpeg' | 'webp'): Promise<boolean> {
  const bytes = Uint8Array.from(atob(probe.base64), (character) => character.charCodeAt(0))
  try {
    const pixels = await decode(bytes, format)
    return pixels !== null && crc32(pixels.data) === probe.crc32
  } catch (error) {
    // It does not read the format at all.
    if (TensorferryError.is(error, 'INPUT_INVALID')) return false
    throw error
  }
}

async function passes(probe: ProbePicture, format: 'jpeg' | 'webp'): Promise<boolean> {
  let answer = probed.get(probe)
  if (!answer) {
    answer = isExact(probe, format)
    probed.set(probe, answer)
    // A canvas that could not be had today may be tomorrow.
    answer.catch(() => probed.delete(probe))
  }
  return answer
}

/**
 * Decodes a JPEG or WebP with the browser, after a probe has shown that it does so exactly.
 *
 * @param bytes - without profile and EXIF, see `bareJpeg` and `bareWebp`
 * @param probe - the picture that stands for this kind
 * @param size - what the file's head says, in pixels
 * @returns null when the browser does not give Pillow's pixels: it is not exact, the picture is not opaque, there is no canvas,
 *   or none of that size
 * @throws TensorferryError `INPUT_INVALID` for a damaged file
 */
export async function decodeExactly(
  bytes: Uint8Array<ArrayBuffer>,
  probe: keyof typeof PROBES,
  size: { width: number; height: number },
): Promise<Pixels | null> {
  const format = probe === 'webp' ? 'webp' : 'jpeg'
  try {
    if (!(await passes(PROBES[probe], format))) return null
    const pixels = await decode(bytes, format)
    // Some browsers shrink large pictures.
    return pixels && pixels.width === size.width && pixels.height === size.height ? pixels : null
  } catch (error) {
    if (TensorferryError.is(error) && error.code !== 'INPUT_INVALID') return null
    throw error
  }
}
