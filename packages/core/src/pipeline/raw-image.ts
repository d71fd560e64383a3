import { TensorferryError } from '../errors.ts'
import { tagOf } from '../tag-of.ts'

/** Bytes per pixel of each mode, by Pillow's names. */
export const IMAGE_CHANNELS = { L: 1, RGB: 3, RGBA: 4 } as const

/** Pillow refuses larger images too: twice its MAX_IMAGE_PIXELS. */
export const MAX_PIXELS = 178_956_970

/** Pillow's name of the pixel layout: luma, colour, colour with straight (not premultiplied) alpha. */
export type ImageMode = keyof typeof IMAGE_CHANNELS

/** Decoded pixels: uint8, interleaved, shape [height, width, channels], row-major, no padding. */
export interface RawImage {
  readonly mode: ImageMode
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  readonly data: Uint8Array<ArrayBuffer>
}

/** A black image, or transparent for RGBA. */
export function blankImage(mode: ImageMode, height: number, width: number): RawImage {
  return { mode, width, height, data: new Uint8Array(height * width * IMAGE_CHANNELS[mode]) }
}

/**
 * Checks that a value is a RawImage whose data fit its size, and has one of the modes. Bytes of another realm, and clamped ones of a
 * canvas, come back as a Uint8Array, not copied.
 *
 * @param op - who asks, for the message
 * @throws TensorferryError `INPUT_INVALID`
 */
export function requireImage(op: string, value: unknown, modes?: readonly ImageMode[]): RawImage {
  const image = value as RawImage | null | undefined
  const channels = image && IMAGE_CHANNELS[image.mode]
  if (!channels || !/^Uint8(Clamped)?Array$/.test(tagOf(image.data))) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${op}: expected an image { mode: 'L' | 'RGB' | 'RGBA', width, height, data: Uint8Array }, got ${describeValue(value)}`,
    )
  }
  const { mode, width, height, data } = image
  if (
    !Number.isInteger(width) ||
    !Number.isInteger(height) ||
    width < 1 ||
    height < 1 ||
    data.length !== width * height * channels
  ) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${op}: expected width x height x ${channels} bytes for mode ${mode}, got ${width} x ${height} and ${data.length} bytes`,
      { details: { mode, width, height, length: data.length } },
    )
  }
  if (modes && !modes.includes(mode)) {
    throw new TensorferryError(
      'INPUT_INVALID',
      `${op}: expected an image of mode ${modes.join(' or ')}, got ${mode}; put convert_image before it`,
      { details: { expected: modes, mode } },
    )
  }
  const bytes: ArrayBufferView<ArrayBuffer> = data
  if (bytes instanceof Uint8Array) return image
  return { ...image, data: new Uint8Array(bytes.buffer, bytes.byteOffset, data.length) }
}

/** What a value is, in a word, for messages. */
export function describeValue(value: unknown): string {
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value
  if ('dtype' in value && 'shape' in value) return `a tensor ${value.dtype}[${String(value.shape)}]`
  const name = value.constructor?.name ?? 'an object'
  if (!('data' in value)) return name
  return `${name} with data in ${(value.data as object | null)?.constructor?.name ?? typeof value.data}`
}
