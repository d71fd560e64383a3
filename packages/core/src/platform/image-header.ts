import { TensorferryError } from '../errors.ts'

/** What the head of an image file says; enough to refuse what no decoder gives as Pillow does. */
export interface ImageHeader {
  readonly format: 'jpeg' | 'png' | 'webp'
  /** In pixels, before any rotation. */
  readonly width: number
  /** In pixels, before any rotation. */
  readonly height: number
}

/** For messages. */
export const FORMAT_NAMES = { jpeg: 'JPEG', png: 'PNG', webp: 'WebP' } as const

type Parts = Omit<ImageHeader, 'format'>

function refuse(message: string, details?: Record<string, unknown>): never {
  throw new TensorferryError('INPUT_INVALID', `decode_image: ${message}`, details ? { details } : {})
}

function refuseTruncated(format: string, length: number): never {
  refuse(`the ${format} file is truncated: it ends after ${length} bytes, before its end mark; get the whole file`, {
    format,
    length,
  })
}

const text = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end))

function readJpeg(bytes: Uint8Array, view: DataView): Parts {
  let frame: { width: number; height: number } | null = null
  let at = 2
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) refuse(`the JPEG file is damaged at byte ${at}: expected a marker`)
    const marker = bytes[at + 1]!
    // Fill bytes before a marker, and markers without a length.
    if (marker === 0xff || marker === 1 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += marker === 0xff ? 1 : 2
      continue
    }
    const start = at + 4
    const end = at + 2 + view.getUint16(at + 2)
    if (end > bytes.length) break
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame && end >= start + 6) {
      const bits = bytes[start]!
      const components = bytes[start + 5]!
      if (bits !== 8) refuse(`a JPEG of ${bits} bits a channel is not supported; save it with 8`)
      if (components !== 1 && components !== 3) {
        refuse(`a JPEG of ${components} channels (CMYK) is not supported; convert it to RGB`, { components })
      }
      frame = { height: view.getUint16(start + 1), width: view.getUint16(start + 3) }
    }
    if (marker === 0xda) {
      // Entropy-coded data escape 0xff, so an EOI after this is the end mark, not data.
      for (let i = bytes.length - 2; i >= end; i--) {
        if (bytes[i] === 0xff && bytes[i + 1] === 0xd9) return frame ?? refuse('the JPEG has no frame')
      }
      break
    }
    at = end
  }
  return refuseTruncated('JPEG', bytes.length)
}

function readPng(bytes: Uint8Array, view: DataView): Parts {
  let hasPixels = false
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at)
    const name = text(bytes, at + 4, at + 8)
    if (at + 12 + length > bytes.length) break
    if (at === 8 && (name !== 'IHDR' || length !== 13)) refuse('the PNG file is damaged: it does not begin with IHDR')
    if (name === 'IDAT') hasPixels = true
    // Behind the pixels it means nothing, and decoders pass over it.
    if (name === 'acTL' && !hasPixels) refuse('an animated PNG is not supported; save one picture of it')
    if (name === 'IEND') {
      const bits = bytes[24]!
      if (bits === 16) {
        refuse('a PNG of 16 bits a channel is not supported: decoders differ on it; save it with 8', { bits })
      }
      return { width: view.getUint32(16), height: view.getUint32(20) }
    }
    at += 12 + length
  }
  return refuseTruncated('PNG', bytes.length)
}

function readWebp(bytes: Uint8Array, view: DataView): Parts {
  const end = 8 + view.getUint32(4, true)
  if (end > bytes.length || bytes.length < 30) refuseTruncated('WebP', bytes.length)
  let size: { width: number; height: number } | null = null
  for (let at = 12; at + 8 <= end; ) {
    const name = text(bytes, at, at + 4)
    const length = view.getUint32(at + 4, true)
    const body = at + 8
    if (body + length > end) refuseTruncated('WebP', bytes.length)
    if (name === 'VP8X') {
      if (bytes[body]! & 2) refuse('an animated WebP is not supported; save one picture of it')
      const uint24 = (offset: number) => (view.getUint32(offset - 1, true) >>> 8) + 1
      size = { width: uint24(body + 4), height: uint24(body + 7) }
    } else if (name === 'VP8 ') {
      size ??= { width: view.getUint16(body + 6, true) & 0x3fff, height: view.getUint16(body + 8, true) & 0x3fff }
    } else if (name === 'VP8L') {
      const packed = view.getUint32(body + 1, true)
      size ??= { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 }
    }
    at = body + length + (length % 2)
  }
  return size ?? refuse('the WebP file holds no picture')
}

/** Pictures of other formats, by how they begin. */
const OTHER_FORMATS: readonly (readonly [name: string, start: RegExp])[] = [
  ['a GIF', /^GIF8/],
  ['a BMP', /^BM/],
  ['a TIFF', /^(II\*\0|MM\0\*)/],
  ['an AVIF', /^.{4}ftypavi/s],
  ['a HEIC', /^.{4}ftyp(hei|hev|mif)/s],
]

function refuseUnknown(bytes: Uint8Array): never {
  const head = bytes.subarray(0, 64)
  const other = OTHER_FORMATS.find(([, start]) => start.test(text(bytes, 0, 12)))?.[0]
  if (other) refuse(`expected a JPEG, PNG or WebP file, got ${other}; save it as PNG`)
  const isText = head.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13))
  const start = isText
    ? `text: ${JSON.stringify(text(head, 0, 40))}`
    : `bytes ${Array.from(head.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')}`
  refuse(`expected a JPEG, PNG or WebP file, got ${bytes.length} bytes that begin with ${start}`, {
    length: bytes.length,
  })
}

/**
 * Reads the head of a JPEG, PNG or WebP file, and whether the file goes to its end.
 *
 * @throws TensorferryError `INPUT_INVALID` for other files, truncated ones, CMYK, more than 8 bits a channel, animations,
 *   and more than `mostPixels`
 */
export function readImageHeader(bytes: Uint8Array, mostPixels: number): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const read = (format: ImageHeader['format'], parse: (bytes: Uint8Array, view: DataView) => Parts): ImageHeader => {
    let parts: Parts
    try {
      parts = parse(bytes, view)
    } catch (error) {
      // A field that lies outside the file.
      if (error instanceof RangeError) refuse(`the ${FORMAT_NAMES[format]} file is damaged; get or save it anew`)
      throw error
    }
    const { width, height } = parts
    if (width < 1 || height < 1 || width * height > mostPixels) {
      refuse(`expected 1 to ${mostPixels} pixels, got ${width} x ${height}`, { width, height })
    }
    return { format, ...parts }
  }
  if (bytes.length === 0) refuse('the file is empty (0 bytes)')
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return read('jpeg', readJpeg)
  if (text(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return read('png', readPng)
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 12) === 'WEBP') return read('webp', readWebp)
  return refuseUnknown(bytes)
}
