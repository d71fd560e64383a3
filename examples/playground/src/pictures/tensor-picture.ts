import { float32FromBfloat16, float32FromFloat16, IMAGE_CHANNELS, type RawImage, type Tensor } from '@tensorferry/core'
import { COLORS, NO_COLOR } from './color-map.ts'

/** Of a tensor's values. */
export interface ValueRange {
  readonly min: number
  readonly max: number
}

/** Pixels for a canvas: RGBA. */
export interface CanvasPicture {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray<ArrayBuffer>
}

/** In pixels: a stage is shown no larger. */
const MOST_SIDE = 512
/** More channels than this are not shown. */
const MOST_CHANNELS = 16

function numbersOf(value: Tensor): ArrayLike<number | bigint | string> {
  if (value.dtype === 'float16') return float32FromFloat16(value.data)
  if (value.dtype === 'bfloat16') return float32FromBfloat16(value.data)
  return value.data
}

/** Smallest and largest finite value; zeros for a tensor of strings or without any. */
export function rangeOf(value: Tensor | RawImage): ValueRange {
  const data = 'dtype' in value ? numbersOf(value) : value.data
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < data.length; i++) {
    const element = Number(data[i])
    if (element < min && Number.isFinite(element)) min = element
    if (element > max && Number.isFinite(element)) max = element
  }
  return min > max ? { min: 0, max: 0 } : { min, max }
}

/** Height and width of a channel, and how many there are; one row for what is no picture. */
function layoutOf(shape: readonly number[]): { channels: number; height: number; width: number } {
  const length = shape.reduce((product, dim) => product * dim, 1)
  const [height = 1, width = 1] = shape.slice(-2)
  if (shape.length < 3 || height * width === 0) {
    return shape.length === 2 && height > 1 && height <= 512
      ? { channels: 1, height, width }
      : { channels: 1, height: 1, width: length }
  }
  return { channels: Math.min(MOST_CHANNELS, length / (height * width)), height, width }
}

/** Pixels as they are. */
export function imagePicture({ mode, width, height, data }: RawImage): CanvasPicture {
  const channels = IMAGE_CHANNELS[mode]
  const pixels = new Uint8ClampedArray(width * height * 4)
  for (let at = 0, from = 0; at < pixels.length; at += 4, from += channels) {
    for (let channel = 0; channel < 3; channel++) pixels[at + channel] = data[channels === 1 ? from : from + channel]!
    pixels[at + 3] = channels === 4 ? data[from + 3]! : 255
  }
  return { width, height, data: pixels }
}

/**
 * A tensor as a heat map, dark for its smallest value and light for its largest: the last two dimensions are rows and columns,
 * the first of a batch is shown, up to 16 channels lie in a grid; a vector is one row. Of a large one every second, third, ...
 * row and column is shown.
 */
export function tensorPicture(value: Tensor, { min, max }: ValueRange): CanvasPicture {
  const { channels, height, width } = layoutOf(value.shape)
  const data = numbersOf(value)
  const columns = Math.ceil(Math.sqrt(channels))
  const stride = Math.ceil((Math.max(height, width) * columns) / MOST_SIDE)
  const [shownHeight, shownWidth] = [Math.ceil(height / stride), Math.ceil(width / stride)]
  const pictureWidth = columns * shownWidth
  const pictureHeight = Math.ceil(channels / columns) * shownHeight
  const pixels = new Uint8ClampedArray(pictureWidth * pictureHeight * 4)
  const scale = max > min ? 255 / (max - min) : 0
  for (let channel = 0; channel < channels; channel++) {
    const left = (channel % columns) * shownWidth
    const top = Math.floor(channel / columns) * shownHeight
    for (let row = 0; row < shownHeight; row++) {
      const from = (channel * height + row * stride) * width
      for (let column = 0; column < shownWidth; column++) {
        const level = Math.round((Number(data[from + column * stride]) - min) * scale)
        const color = Number.isNaN(level) ? NO_COLOR : COLORS.subarray(clampLevel(level) * 4, clampLevel(level) * 4 + 4)
        pixels.set(color, ((top + row) * pictureWidth + left + column) * 4)
      }
    }
  }
  return { width: pictureWidth, height: pictureHeight, data: pixels }
}

/** Infinities are beyond the range of the finite values. */
function clampLevel(level: number): number {
  return Math.min(255, Math.max(0, level))
}
