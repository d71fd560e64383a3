/** A transform that the encoder made; undoing it gives a picture of `width` pixels a row. */
export interface Transform {
  readonly kind: 'predict' | 'color' | 'green' | 'index'
  readonly width: number
  /** predict, color: side of a block, as a power of two. index: pixels packed in one, as a power of two. */
  readonly bits: number
  /** predict, color: one pixel a block. index: the colours. */
  readonly data: Uint32Array
}

const BLACK = 0xff000000
const low = 0x00ff00ff

/** Sum of each channel, modulo 256. */
const add = (a: number, b: number): number =>
  (((a & 0xff00ff00) + (b & 0xff00ff00)) & 0xff00ff00) | (((a & low) + (b & low)) & low)

/** Mean of each channel, rounded down. */
const mean = (a: number, b: number): number => (((a ^ b) & 0xfefefefe) >>> 1) + (a & b)

const clamp = (value: number): number => Math.max(0, Math.min(value, 255))

/** Each channel of three pixels by a function. */
function byChannel(a: number, b: number, c: number, of: (a: number, b: number, c: number) => number): number {
  let pixel = 0
  for (let shift = 0; shift < 32; shift += 8) {
    pixel |= clamp(of((a >>> shift) & 255, (b >>> shift) & 255, (c >>> shift) & 255)) << shift
  }
  return pixel
}

/** Left or above, whichever is farther from the corner in the other's direction. */
function select(left: number, above: number, corner: number): number {
  let toLeft = 0
  let toAbove = 0
  for (let shift = 0; shift < 32; shift += 8) {
    const channel = (corner >>> shift) & 255
    toLeft += Math.abs(((above >>> shift) & 255) - channel)
    toAbove += Math.abs(((left >>> shift) & 255) - channel)
  }
  return toLeft < toAbove ? left : above
}

/** By mode, from left, above, above right and above left. @see RFC 9649, 4.1 */
const PREDICTORS: readonly ((l: number, t: number, tr: number, tl: number) => number)[] = [
  () => BLACK,
  (l) => l,
  (_l, t) => t,
  (_l, _t, tr) => tr,
  (_l, _t, _tr, tl) => tl,
  (l, t, tr) => mean(mean(l, tr), t),
  (l, _t, _tr, tl) => mean(l, tl),
  (l, t) => mean(l, t),
  (_l, t, _tr, tl) => mean(tl, t),
  (_l, t, tr) => mean(t, tr),
  (l, t, tr, tl) => mean(mean(l, tl), mean(t, tr)),
  (l, t, _tr, tl) => select(l, t, tl),
  (l, t, _tr, tl) => byChannel(l, t, tl, (a, b, c) => a + b - c),
  (l, t, _tr, tl) => byChannel(mean(l, t), tl, 0, (a, b) => a + Math.trunc((a - b) / 2)),
]

function undoPredict(pixels: Uint32Array, { width, bits, data }: Transform): void {
  const blocks = Math.ceil(width / (1 << bits))
  const height = pixels.length / width
  pixels[0] = add(pixels[0]!, BLACK)
  for (let x = 1; x < width; x++) pixels[x] = add(pixels[x]!, pixels[x - 1]!)
  for (let y = 1, at = width; y < height; y++) {
    pixels[at] = add(pixels[at]!, pixels[at - width]!)
    at++
    for (let x = 1; x < width; x++, at++) {
      // Modes 14 and 15 are black too.
      const predict = PREDICTORS[(data[(y >> bits) * blocks + (x >> bits)]! >>> 8) & 15] ?? PREDICTORS[0]!
      // Right of the last pixel of the row above is the first of this one.
      const above = at - width
      const predicted = predict(pixels[at - 1]!, pixels[above]!, pixels[above + 1]!, pixels[above - 1]!)
      pixels[at] = add(pixels[at]!, predicted)
    }
  }
}

/** The product of two signed bytes in units of 1/32. */
const delta = (factor: number, channel: number): number => (((factor << 24) >> 24) * ((channel << 24) >> 24)) >> 5

function undoColor(pixels: Uint32Array, { width, bits, data }: Transform): void {
  const blocks = Math.ceil(width / (1 << bits))
  for (let at = 0; at < pixels.length; at++) {
    const y = Math.floor(at / width)
    const factors = data[(y >> bits) * blocks + ((at - y * width) >> bits)]!
    const pixel = pixels[at]!
    const green = pixel >>> 8
    const red = ((pixel >>> 16) + delta(factors, green)) & 255
    const blue = (pixel + delta(factors >>> 8, green) + delta(factors >>> 16, red)) & 255
    pixels[at] = (pixel & 0xff00ff00) | (red << 16) | blue
  }
}

function undoGreen(pixels: Uint32Array): void {
  for (let at = 0; at < pixels.length; at++) {
    const green = (pixels[at]! >>> 8) & 255
    pixels[at] = add(pixels[at]!, (green << 16) | green)
  }
}

function undoIndex(packed: Uint32Array, { width, bits, data }: Transform): Uint32Array<ArrayBuffer> {
  const packedWidth = Math.ceil(width / (1 << bits))
  const height = packed.length / packedWidth
  const pixels = new Uint32Array(width * height)
  const size = 8 >> bits
  const mask = (1 << size) - 1
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const indices = packed[y * packedWidth + (x >> bits)]! >>> 8
      // Colours that the table lacks are transparent black.
      pixels[at] = data[(indices >>> ((x & ((1 << bits) - 1)) * size)) & mask] ?? 0
    }
  }
  return pixels
}

/** Undoes a transform, in place where the size stays. @see RFC 9649, 4 */
export function undoTransform(pixels: Uint32Array<ArrayBuffer>, transform: Transform): Uint32Array<ArrayBuffer> {
  if (transform.kind === 'index') return undoIndex(pixels, transform)
  if (transform.kind === 'predict') undoPredict(pixels, transform)
  else if (transform.kind === 'color') undoColor(pixels, transform)
  else undoGreen(pixels)
  return pixels
}
