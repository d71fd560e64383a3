/** Pictures and numbers from a counter-based generator that goldens/pipeline_pictures.py implements too; also for pages. */
import type { ImageMode, RawImage } from '../../src/pipeline/raw-image.ts'

export type PictureKind = 'noise' | 'gradient' | 'edges' | 'constant'
export type FloatKind = 'unit' | 'wide' | 'logits' | 'ties' | 'levels' | 'special'

const CHANNELS: Readonly<Record<ImageMode, number>> = { L: 1, RGB: 3, RGBA: 4 }

function mix(value: number): number {
  let x = value
  x ^= x >>> 16
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

const key = (seed: number): number => (seed === 0 ? 0x9e3779b9 : mix(seed))

export function counters(seed: number, count: number): Uint32Array {
  const start = key(seed)
  return Uint32Array.from({ length: count }, (_, index) => mix(start + index))
}

export function pixels(kind: PictureKind, seed: number, height: number, width: number, channels: number) {
  const hashes = counters(seed, height * width * channels)
  const few = counters(seed + 1, 8)
  const data = new Uint8Array(hashes.length)
  let i = 0
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++, i++) {
        if (kind === 'noise') data[i] = hashes[i]!
        else if (kind === 'gradient') {
          data[i] = x * ((few[0]! % 9) + 1) + y * ((few[1]! % 7) + 1) + channel * 85 + (few[2]! % 256)
        } else if (kind === 'edges') {
          data[i] = (mix(((y >> 2) * 8191 + (x >> 2)) * 4 + channel + key(seed)) & 1) * 255
        } else data[i] = few[channel]!
        if (channel === 3 && kind !== 'constant') {
          const alpha = hashes[i]!
          data[i] = alpha & 2 ? (alpha & 1) * 255 : alpha >>> 8
        }
      }
    }
  }
  return data
}

export function picture(
  kind: PictureKind,
  seed: number,
  height: number,
  width: number,
  mode: ImageMode = 'RGB',
): RawImage {
  return { mode, width, height, data: pixels(kind, seed, height, width, CHANNELS[mode]) }
}

const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1, 1e-45, 0.5]

export function floats(kind: FloatKind, seed: number, count: number): Float32Array<ArrayBuffer> {
  const { fround } = Math
  return Float32Array.from(counters(seed, count), (hash) => {
    const unit = fround((hash >>> 8) * 2 ** -24)
    if (kind === 'unit') return unit
    if (kind === 'wide') return fround(fround(unit * 3) - 1)
    if (kind === 'logits') return fround(fround(unit * fround(29.7)) - fround(14.3))
    if (kind === 'ties') return hash % 5
    if (kind === 'levels') return fround((hash % 511) / 510)
    return SPECIAL[hash % 8]!
  })
}
