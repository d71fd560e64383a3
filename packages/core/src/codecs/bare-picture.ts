// What a browser makes of a file beyond its pixels (EXIF rotation, colour profiles, alpha) is taken out of the file first.

const joined = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  // In one piece: Firefox takes a JPEG in several for no picture.
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A JPEG's picture alone. */
export interface BareJpeg {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Colour is stored at full size, at half the width, or at half the width and height. */
  readonly isUsual: boolean
  /** By arithmetic coding, which not every browser reads. */
  readonly isArithmetic: boolean
}

/** The sampling factors of luma that files have; those of colour are 0x11 then. */
const USUAL_SAMPLING = [0x11, 0x21, 0x22]

function isUsualFrame(frame: Uint8Array): boolean {
  const factors = Array.from({ length: frame[9]! }, (_, component) => frame[11 + component * 3]!)
  return factors.length === 1 || (USUAL_SAMPLING.includes(factors[0]!) && factors.slice(1).every((one) => one === 0x11))
}

/**
 * A JPEG without EXIF, profiles and comments. JFIF and Adobe stay: they say which colours the channels are.
 *
 * @param bytes - a file that `readImageHeader` took
 * @see ITU-T T.81, annex B
 */
export function bareJpeg(bytes: Uint8Array): BareJpeg {
  const parts = [bytes.subarray(0, 2)]
  let isUsual = true
  let isArithmetic = false
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1]!
    if (marker === 0xff || marker === 1 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += marker === 0xff ? 1 : 2
      continue
    }
    if (marker === 0xda) {
      parts.push(bytes.subarray(at))
      break
    }
    const end = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!)
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) {
      isUsual = isUsualFrame(bytes.subarray(at, end))
      isArithmetic = marker > 0xc8
    }
    const isApplication = marker >= 0xe0 && marker <= 0xef
    const isKept = marker === 0xe0 || marker === 0xee || !(isApplication || marker === 0xfe)
    if (isKept) parts.push(bytes.subarray(at, end))
    at = end
  }
  return { bytes: joined(parts), isUsual, isArithmetic }
}

/** A WebP's picture alone, and whether it is lossless and says that it has alpha. */
export interface BareWebp {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The VP8L bit stream; null for lossy WebP. */
  readonly lossless: Uint8Array | null
  readonly hasAlpha: boolean
}

/**
 * A WebP's picture without what surrounds it. A lossy one's alpha is a part of its own and falls away.
 *
 * @param bytes - a file that `readImageHeader` took
 * @returns null when it holds none
 * @see RFC 9649, 2
 */
export function bareWebp(bytes: Uint8Array): BareWebp | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4))
    const length = view.getUint32(at + 4, true)
    if (name === 'VP8 ' || name === 'VP8L') {
      const body = bytes.subarray(at + 8, at + 8 + length)
      // Chunks are of even length.
      const picture = joined([bytes.subarray(0, 12), bytes.subarray(at, at + 8), body, new Uint8Array(length % 2)])
      new DataView(picture.buffer).setUint32(4, picture.length - 8, true)
      const lossless = name === 'VP8L' ? body : null
      return { bytes: picture, lossless, hasAlpha: lossless !== null && (body[4]! & 0x10) !== 0 }
    }
    at += 8 + length + (length % 2)
  }
  return null
}
