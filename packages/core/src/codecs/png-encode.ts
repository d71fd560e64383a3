import type { RawImage } from '../pipeline/raw-image.ts'
import { crc32 } from './crc32.ts'
import { paeth } from './png-filters.ts'

/** PNG's colour types. */
const COLOR_TYPES = { L: 0, RGB: 2, RGBA: 6 } as const

function chunk(name: string, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, body.length)
  for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i)
  bytes.set(body, 8)
  view.setUint32(8 + body.length, crc32(bytes.subarray(4, 8 + body.length)))
  return bytes
}

/** A value by each of the five filters, modulo 256. */
const FILTERS: readonly ((value: number, left: number, above: number, corner: number) => number)[] = [
  (value) => value,
  (value, left) => value - left,
  (value, _, above) => value - above,
  (value, left, above) => value - ((left + above) >> 1),
  (value, left, above, corner) => value - paeth(left, above, corner),
]

/** Each row by the filter that leaves the smallest sum of differences: what libpng does, for deflate to find more alike. */
function filterRows({ width, height, data }: RawImage): Uint8Array<ArrayBuffer> {
  const step = data.length / (width * height)
  const rowBytes = width * step
  const filtered = new Uint8Array(height * (1 + rowBytes))
  const candidates = FILTERS.map(() => new Int8Array(rowBytes))
  for (let y = 0; y < height; y++) {
    const row = y * rowBytes
    let best = 0
    let smallest = Number.POSITIVE_INFINITY
    for (let filter = 0; filter < FILTERS.length; filter++) {
      const apply = FILTERS[filter]!
      const candidate = candidates[filter]!
      let sum = 0
      for (let x = 0; x < rowBytes && sum < smallest; x++) {
        const at = row + x
        const left = x < step ? 0 : data[at - step]!
        const above = y === 0 ? 0 : data[at - rowBytes]!
        const corner = x < step || y === 0 ? 0 : data[at - rowBytes - step]!
        candidate[x] = apply(data[at]!, left, above, corner)
        sum += Math.abs(candidate[x]!)
      }
      if (sum < smallest) {
        smallest = sum
        best = filter
      }
    }
    filtered[y * (1 + rowBytes)] = best
    filtered.set(new Uint8Array(candidates[best]!.buffer), y * (1 + rowBytes) + 1)
  }
  return filtered
}

/**
 * Writes a PNG of 8 bits a sample, alpha as it is.
 *
 * @returns the file; its pixels are the image's, bit by bit
 * @see PNG 3rd edition
 */
export async function encodePng(image: RawImage): Promise<Uint8Array<ArrayBuffer>> {
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, image.width)
  view.setUint32(4, image.height)
  header[8] = 8
  header[9] = COLOR_TYPES[image.mode]
  const deflating = new Blob([filterRows(image)]).stream().pipeThrough(new CompressionStream('deflate'))
  const pixels = new Uint8Array(await new Response(deflating).arrayBuffer())
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
  const parts = [signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', new Uint8Array())]
  return new Uint8Array(await new Blob(parts).arrayBuffer())
}
