import type { RawImage } from '../pipeline/raw-image.ts'
import { crc32 } from './crc32.ts'
import { damagedPicture } from './damaged.ts'
import { unfilterRow } from './png-filters.ts'

// PNG's colour types.
const GRAY = 0
const PALETTE = 3

interface Layout {
  readonly width: number
  readonly height: number
  /** A sample's: 1, 2, 4 or 8. */
  readonly bits: number
  readonly color: number
  /** Samples of a pixel, by colour type. */
  readonly samples: number
  readonly isInterlaced: boolean
  /** Red, green and blue of 256 entries: black where the file has none, as in Pillow. */
  readonly palette: Uint8Array
  /** Compressed pixels. */
  readonly parts: readonly Uint8Array<ArrayBuffer>[]
}

const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

const damaged = (found: string, cause?: unknown) => damagedPicture('PNG', found, cause)

/** The chunks that pixels depend on; the others say how to show them. */
function readLayout(bytes: Uint8Array<ArrayBuffer>): Layout {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [bits, color, , , interlace] = bytes.subarray(24, 29) as Uint8Array & { length: 5 }
  const samples = SAMPLES[color!]
  const isKnown = bits === 8 || (samples === 1 && (bits === 1 || bits === 2 || bits === 4))
  if (samples === undefined || !isKnown || bytes[26] !== 0 || bytes[27] !== 0 || interlace! > 1) {
    throw damaged(`no PNG has colour type ${color}, ${bits} bits and interlacing ${interlace}`)
  }
  const palette = new Uint8Array(768)
  const parts: Uint8Array<ArrayBuffer>[] = []
  let hasPalette = false
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at)
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const body = bytes.subarray(at + 8, at + 8 + length)
    const isNeeded = name === 'IHDR' || name === 'PLTE' || name === 'IDAT' || name === 'IEND'
    if (isNeeded && crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw damaged(`the checksum of ${name} at byte ${at} is wrong`)
    }
    if (name === 'PLTE' && length <= 768) {
      palette.set(body)
      hasPalette = true
    }
    if (name === 'IDAT') parts.push(body)
    if (name === 'IEND') break
    at += 12 + length
  }
  if (color === PALETTE && !hasPalette) throw damaged('it has no palette')
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    bits,
    color: color!,
    samples,
    isInterlaced: interlace === 1,
    palette,
    parts,
  }
}

/** Inflates to a known length: what comes behind it is left alone, as libpng does. */
async function inflate(parts: readonly Uint8Array<ArrayBuffer>[], length: number): Promise<Uint8Array<ArrayBuffer>> {
  const inflated = new Uint8Array(length)
  const reader = new Blob(parts as Uint8Array<ArrayBuffer>[])
    .stream()
    .pipeThrough(new DecompressionStream('deflate'))
    .getReader()
  let filled = 0
  try {
    while (filled < length) {
      const { value, done } = await reader.read()
      if (done) break
      inflated.set(value.subarray(0, length - filled), filled)
      filled += value.length
    }
  } catch (cause) {
    throw damaged('its pixels cannot be inflated', cause)
  }
  if (filled < length) throw damaged(`it has ${filled} of ${length} bytes of pixels`)
  // The whole of it is checked by CRC already: nobody waits for the end.
  reader.cancel().catch(() => {})
  return inflated
}

/** Where a pass of Adam7 begins, and how far apart its pixels lie. */
type Pass = readonly [x: number, y: number, stepX: number, stepY: number]
const ADAM7: readonly Pass[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
]

/** Where a row's pixels go. */
interface Place {
  readonly data: Uint8Array
  readonly start: number
  /** Bytes from a pixel to the next. */
  readonly step: number
}

/** Writes a row's pixels to their places, as levels of 0 to 255; alpha is dropped. */
function placeRow(row: Uint8Array, count: number, { bits, color, samples, palette }: Layout, place: Place): void {
  const { data, start, step } = place
  const isPalette = color === PALETTE
  if (bits === 8 && !isPalette) {
    const kept = samples < 3 ? 1 : 3
    if (samples === kept && step === kept) {
      data.set(row.subarray(0, count * kept), start)
      return
    }
    for (let i = 0, from = 0, to = start; i < count; i++, from += samples, to += step) {
      data[to] = row[from]!
      if (kept === 3) {
        data[to + 1] = row[from + 1]!
        data[to + 2] = row[from + 2]!
      }
    }
    return
  }
  const mask = (1 << bits) - 1
  // 1, 2 and 4 bits fill 0 to 255 evenly.
  const scale = 255 / mask
  for (let i = 0, to = start; i < count; i++, to += step) {
    const bit = i * bits
    const value = (row[bit >> 3]! >> (8 - bits - (bit & 7))) & mask
    if (isPalette) {
      data[to] = palette[value * 3]!
      data[to + 1] = palette[value * 3 + 1]!
      data[to + 2] = palette[value * 3 + 2]!
    } else {
      data[to] = value * scale
    }
  }
}

/**
 * Decodes a PNG of at most 8 bits a sample: the stored values, whatever its gamma, profile and transparency ask for.
 *
 * @param bytes - a file that `readImageHeader` took
 * @returns mode L for gray, RGB for the rest; alpha is dropped, as Pillow's `convert` does
 * @throws TensorferryError `INPUT_INVALID` for a damaged file
 * @see PNG 3rd edition, 7 to 10; PIL.Image.open(file).convert(mode): equal to the last bit
 */
export async function decodePng(bytes: Uint8Array<ArrayBuffer>): Promise<RawImage> {
  const layout = readLayout(bytes)
  const { width, height, bits, color, samples, isInterlaced, parts } = layout
  const passes = (isInterlaced ? ADAM7 : ([[0, 0, 1, 1]] as const)).map(([x, y, stepX, stepY]) => {
    const columns = Math.ceil((width - x) / stepX)
    const rowBytes = Math.ceil((columns * samples * bits) / 8)
    return { x, y, stepX, stepY, columns, rows: columns > 0 ? Math.ceil((height - y) / stepY) : 0, rowBytes }
  })
  const length = passes.reduce((sum, { rows, rowBytes }) => sum + Math.max(0, rows) * (1 + rowBytes), 0)
  const pixels = await inflate(parts, length)
  const channels = color === GRAY || color === 4 ? 1 : 3
  const data = new Uint8Array(width * height * channels)
  const pixelBytes = Math.max(1, (samples * bits) >> 3)
  let at = 0
  for (const { x, y, stepX, stepY, columns, rows, rowBytes } of passes) {
    let above: Uint8Array = new Uint8Array(Math.max(0, rowBytes))
    for (let row = 0; row < rows; row++) {
      const filter = pixels[at]!
      const current = pixels.subarray(at + 1, at + 1 + rowBytes)
      if (!unfilterRow(filter, current, above, pixelBytes)) throw damaged(`there is no filter ${filter}`)
      const start = ((y + row * stepY) * width + x) * channels
      placeRow(current, columns, layout, { data, start, step: stepX * channels })
      above = current
      at += 1 + rowBytes
    }
  }
  return { mode: channels === 1 ? 'L' : 'RGB', width, height, data }
}
