import type { RawImage } from '../pipeline/raw-image.ts'
import { damagedPicture } from './damaged.ts'
import { BitReader, type PrefixCode, readPrefixCode } from './webp-bits.ts'
import { type Transform, undoTransform } from './webp-transforms.ts'

/** Codes for green or length or cached colour, red, blue, alpha, distance. */
type Codes = readonly [PrefixCode, PrefixCode, PrefixCode, PrefixCode, PrefixCode]

/** Neighbours by how near they are: rows up * 16 + 8 - columns to the left, two hex digits each. @see RFC 9649, 5.2.2 */
const NEAR =
  '1807171928062729161a262a38053739151b363a252b48044749141c353b464a242c58454b343c03' +
  '5759131d565a232d444c555b333d68026769121e666a222e545c434d656b323e78017779535d111f' +
  '646c424e767a212f757b313f636d525e00747c414f1020626e30737d515f40727e616f50717f6070'

/** A length or distance: its prefix, then the bits that the prefix asks for. */
function readNumber(bits: BitReader, prefix: number): number {
  if (prefix < 4) return prefix + 1
  const extra = (prefix - 2) >> 1
  return ((2 + (prefix & 1)) << extra) + bits.read(extra) + 1
}

/** Pixels back that a distance code means in rows of `width`. */
function pixelsBack(code: number, width: number): number {
  if (code > 120) return code - 120
  const near = Number.parseInt(NEAR.slice(code * 2 - 2, code * 2), 16)
  return Math.max(1, (near >> 4) * width + 8 - (near & 15))
}

/** Blocks of the picture with codes of their own. */
interface Groups {
  readonly codes: readonly Codes[]
  /** Which block has which; null: there is one group. */
  readonly map: Uint32Array | null
  readonly bits: number
}

function readGroups(bits: BitReader, width: number, height: number, cacheBits: number, isWhole: boolean): Groups {
  let map: Uint32Array | null = null
  let blockBits = 0
  let count = 1
  if (isWhole && bits.read(1)) {
    blockBits = bits.read(3) + 2
    const image = readPixels(bits, Math.ceil(width / (1 << blockBits)), Math.ceil(height / (1 << blockBits)), false)
    map = image.map((pixel) => (pixel >>> 8) & 0xffff)
    for (const group of map) count = Math.max(count, group + 1)
  }
  const cached = cacheBits > 0 ? 1 << cacheBits : 0
  const codes = Array.from({ length: count }, (): Codes => {
    const of = (size: number) => readPrefixCode(bits, size)
    return [of(280 + cached), of(256), of(256), of(256), of(40)]
  })
  return { codes, map, bits: blockBits }
}

/** Reads pixels as they were coded; `isWhole`: not one of the small images that steer the decoding. @see RFC 9649, 5 */
function readPixels(bits: BitReader, width: number, height: number, isWhole: boolean): Uint32Array<ArrayBuffer> {
  const cacheBits = bits.read(1) ? bits.read(4) : 0
  if (cacheBits > 11) throw damagedPicture('WebP', `a colour cache of ${cacheBits} bits`)
  const cache = new Uint32Array(1 << cacheBits)
  const groups = readGroups(bits, width, height, cacheBits, isWhole)
  const blocks = Math.ceil(width / (1 << groups.bits))
  const pixels = new Uint32Array(width * height)
  const keep = (pixel: number) => {
    if (cacheBits > 0) cache[Math.imul(0x1e35a7bd, pixel) >>> (32 - cacheBits)] = pixel
  }
  for (let at = 0; at < pixels.length; ) {
    let codes = groups.codes[0]!
    if (groups.map) {
      const y = Math.floor(at / width)
      codes = groups.codes[groups.map[(y >> groups.bits) * blocks + ((at - y * width) >> groups.bits)]!]!
    }
    const symbol = codes[0].read(bits)
    if (symbol < 256) {
      const red = codes[1].read(bits)
      const blue = codes[2].read(bits)
      const pixel = (codes[3].read(bits) << 24) | (red << 16) | (symbol << 8) | blue
      pixels[at++] = pixel
      keep(pixel)
    } else if (symbol < 280) {
      const length = readNumber(bits, symbol - 256)
      const back = pixelsBack(readNumber(bits, codes[4].read(bits)), width)
      if (back > at || at + length > pixels.length) throw damagedPicture('WebP', 'a copy lies outside the picture')
      for (const end = at + length; at < end; at++) {
        pixels[at] = pixels[at - back]!
        keep(pixels[at]!)
      }
      bits.requireInside()
    } else {
      const pixel = cache[symbol - 280]!
      pixels[at++] = pixel
      keep(pixel)
    }
  }
  bits.requireInside()
  return pixels
}

function readTransforms(bits: BitReader, width: number, height: number): { transforms: Transform[]; width: number } {
  const transforms: Transform[] = []
  let current = width
  while (bits.read(1)) {
    const kind = (['predict', 'color', 'green', 'index'] as const)[bits.read(2)]!
    if (transforms.some((one) => one.kind === kind)) throw damagedPicture('WebP', 'a transform comes twice')
    if (kind === 'green') {
      transforms.push({ kind, width: current, bits: 0, data: new Uint32Array() })
    } else if (kind === 'index') {
      const colors = readPixels(bits, bits.read(8) + 1, 1, false)
      const packing = colors.length <= 2 ? 3 : colors.length <= 4 ? 2 : colors.length <= 16 ? 1 : 0
      // Each colour is written as its difference from the one before: what subtracting the left pixel gives.
      const data = undoTransform(colors, { kind: 'predict', width: colors.length, bits: 0, data: new Uint32Array() })
      data[0] = (data[0]! - 0xff000000) >>> 0
      transforms.push({ kind, width: current, bits: packing, data })
      current = Math.ceil(current / (1 << packing))
    } else {
      const size = bits.read(3) + 2
      const data = readPixels(bits, Math.ceil(current / (1 << size)), Math.ceil(height / (1 << size)), false)
      transforms.push({ kind, width: current, bits: size, data })
    }
  }
  return { transforms, width: current }
}

/**
 * Decodes lossless WebP. Browsers multiply its colours by alpha; here they stay as they are stored.
 *
 * @param bytes - the VP8L bit stream, from its signature byte on
 * @param size - what the file's head says, in pixels
 * @returns mode RGB; alpha is dropped, as Pillow's `convert` does
 * @throws TensorferryError `INPUT_INVALID` for a damaged stream
 * @see RFC 9649, 3 to 6
 */
export function decodeWebpLossless(bytes: Uint8Array, size: { width: number; height: number }): RawImage {
  const bits = new BitReader(bytes.subarray(1))
  const width = bits.read(14) + 1
  const height = bits.read(14) + 1
  // The bit of alpha changes no pixel.
  bits.read(1)
  if (bytes[0] !== 0x2f || bits.read(3) !== 0) throw damagedPicture('WebP', 'it has no VP8L header')
  if (width !== size.width || height !== size.height) throw damagedPicture('WebP', 'it gives two sizes')
  const { transforms, width: coded } = readTransforms(bits, width, height)
  let pixels = readPixels(bits, coded, height, true)
  for (const transform of transforms.reverse()) pixels = undoTransform(pixels, transform)
  const data = new Uint8Array(width * height * 3)
  for (let at = 0, out = 0; at < pixels.length; at++, out += 3) {
    data[out] = pixels[at]! >>> 16
    data[out + 1] = pixels[at]! >>> 8
    data[out + 2] = pixels[at]!
  }
  return { mode: 'RGB', width, height, data }
}
