import { blankImage, IMAGE_CHANNELS, type RawImage } from '../../raw-image.ts'
import { premultiplyAlpha, unpremultiplyAlpha } from './alpha.ts'
import type { Interpolation } from './interpolation.ts'
import { type Coefficients, computeCoefficients } from './resample-coefficients.ts'

/** A rectangle of the output, in pixels; may not reach outside it. */
export interface OutputWindow {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/** What a resampling makes: the size of the whole output, the kernel, and which Pillow's order of passes. */
export interface ResampleTarget {
  readonly height: number
  readonly width: number
  readonly interpolation: Interpolation
  readonly passOrder: 'legacy' | '13'
}

/** Half of the last bit that the shift drops, so that it rounds. */
const BIAS = 1 << 21

/** Convolves along x: rows of `rowBytes` bytes in, `coefficients.starts.length` pixels a row out. */
function horizontalPass(
  source: Uint8Array,
  rowBytes: number,
  firstRow: number,
  rows: number,
  channels: number,
  { starts, counts, weights, stride }: Coefficients,
): Uint8Array<ArrayBuffer> {
  const width = starts.length
  const output = new Uint8ClampedArray(rows * width * channels)
  let out = 0
  for (let row = firstRow; row < firstRow + rows; row++) {
    const base = row * rowBytes
    for (let x = 0; x < width; x++) {
      const first = x * stride
      const end = first + counts[x]!
      let at = base + starts[x]! * channels
      let sum0 = BIAS
      if (channels === 1) {
        for (let tap = first; tap < end; tap++) sum0 = (sum0 + Math.imul(source[at++]!, weights[tap]!)) | 0
        output[out++] = sum0 >> 22
        continue
      }
      let sum1 = BIAS
      let sum2 = BIAS
      if (channels === 3) {
        for (let tap = first; tap < end; tap++) {
          const weight = weights[tap]!
          sum0 = (sum0 + Math.imul(source[at]!, weight)) | 0
          sum1 = (sum1 + Math.imul(source[at + 1]!, weight)) | 0
          sum2 = (sum2 + Math.imul(source[at + 2]!, weight)) | 0
          at += 3
        }
      } else {
        let sum3 = BIAS
        for (let tap = first; tap < end; tap++) {
          const weight = weights[tap]!
          sum0 = (sum0 + Math.imul(source[at]!, weight)) | 0
          sum1 = (sum1 + Math.imul(source[at + 1]!, weight)) | 0
          sum2 = (sum2 + Math.imul(source[at + 2]!, weight)) | 0
          sum3 = (sum3 + Math.imul(source[at + 3]!, weight)) | 0
          at += 4
        }
        output[out + 3] = sum3 >> 22
      }
      output[out] = sum0 >> 22
      output[out + 1] = sum1 >> 22
      output[out + 2] = sum2 >> 22
      out += channels
    }
  }
  return new Uint8Array(output.buffer)
}

/** Convolves along y: of each row the bytes from `firstByte` on, `rowBytes` a row out. */
function verticalPass(
  source: Uint8Array,
  sourceRowBytes: number,
  firstByte: number,
  rowBytes: number,
  firstRow: number,
  { starts, counts, weights, stride }: Coefficients,
): Uint8Array<ArrayBuffer> {
  const output = new Uint8ClampedArray(starts.length * rowBytes)
  // Four columns at once share each weight.
  const inFours = rowBytes - (rowBytes % 4)
  for (let y = 0; y < starts.length; y++) {
    const first = y * stride
    const end = first + counts[y]!
    const base = (starts[y]! - firstRow) * sourceRowBytes + firstByte
    const out = y * rowBytes
    for (let x = 0; x < inFours; x += 4) {
      let sum0 = BIAS
      let sum1 = BIAS
      let sum2 = BIAS
      let sum3 = BIAS
      let at = base + x
      for (let tap = first; tap < end; tap++) {
        const weight = weights[tap]!
        sum0 = (sum0 + Math.imul(source[at]!, weight)) | 0
        sum1 = (sum1 + Math.imul(source[at + 1]!, weight)) | 0
        sum2 = (sum2 + Math.imul(source[at + 2]!, weight)) | 0
        sum3 = (sum3 + Math.imul(source[at + 3]!, weight)) | 0
        at += sourceRowBytes
      }
      output[out + x] = sum0 >> 22
      output[out + x + 1] = sum1 >> 22
      output[out + x + 2] = sum2 >> 22
      output[out + x + 3] = sum3 >> 22
    }
    for (let x = inFours; x < rowBytes; x++) {
      let sum = BIAS
      let at = base + x
      for (let tap = first; tap < end; tap++) {
        sum = (sum + Math.imul(source[at]!, weights[tap]!)) | 0
        at += sourceRowBytes
      }
      output[out + x] = sum >> 22
    }
  }
  return new Uint8Array(output.buffer)
}

/** Source position of each output position, or -1; Pillow adds the scale up instead of multiplying it. */
function nearestPositions(inputSize: number, outputSize: number, from: number, count: number): Int32Array {
  const scale = inputSize / outputSize
  const positions = new Int32Array(count)
  let position = scale * 0.5
  for (let index = 0; index < from + count; index++) {
    const source = Math.trunc(position)
    if (index >= from) positions[index - from] = source < inputSize ? source : -1
    position += scale
  }
  return positions
}

function nearest(image: RawImage, target: ResampleTarget, window: OutputWindow): RawImage {
  const channels = IMAGE_CHANNELS[image.mode]
  const output = blankImage(image.mode, window.height, window.width)
  const rows = nearestPositions(image.height, target.height, window.top, window.height)
  const columns = nearestPositions(image.width, target.width, window.left, window.width)
  let out = 0
  for (const row of rows) {
    for (const column of columns) {
      const at = (row * image.width + column) * channels
      if (row >= 0 && column >= 0) for (let i = 0; i < channels; i++) output.data[out + i] = image.data[at + i]!
      out += channels
    }
  }
  return output
}

/** Input positions that a run of output positions reads. */
function inputSpan({ starts, counts }: Coefficients): { first: number; count: number } {
  // Starts and ends never decrease.
  const last = starts.length - 1
  const first = starts[0]!
  return { first, count: starts[last]! + counts[last]! - first }
}

/**
 * A window of the image resized as Pillow does it: equal to the last bit to resizing all of it and cropping.
 *
 * Two passes with uint8 between them, so their order shows. Pillow 9.4 to 12 convolve along x first; 13 along y first when
 * the height shrinks by more than twice what the width does (python-pillow/Pillow#9549).
 *
 * @see Pillow, src/libImaging/Resample.c (8 bits per channel), and Geometry.c for `nearest`
 */
export function resampleWindow(image: RawImage, target: ResampleTarget, window: OutputWindow): RawImage {
  const { interpolation, passOrder } = target
  if (interpolation === 'nearest') return nearest(image, target, window)
  const { mode, height, width } = image
  const channels = IMAGE_CHANNELS[mode]
  const keepsWidth = target.width === width
  const keepsHeight = target.height === height
  const blends = mode === 'RGBA' && !(keepsWidth && keepsHeight)
  const source = blends ? premultiplyAlpha(image.data) : image.data

  const axis = (input: number, output: number, from: number, count: number): Coefficients | null =>
    input === output ? null : computeCoefficients(input, output, interpolation, from, from + count)
  const alongX = axis(width, target.width, window.left, window.width)
  const alongY = axis(height, target.height, window.top, window.height)
  const columns = alongX ? inputSpan(alongX) : { first: window.left, count: window.width }
  const rows = alongY ? inputSpan(alongY) : { first: window.top, count: window.height }
  const outputRowBytes = window.width * channels

  let data: Uint8Array<ArrayBuffer>
  if (alongX && alongY) {
    const shrinkY = height - target.height
    const verticalFirst = passOrder === '13' && shrinkY > 0 && shrinkY > 2 * (width - target.width)
    if (verticalFirst) {
      const rowBytes = columns.count * channels
      const between = verticalPass(source, width * channels, columns.first * channels, rowBytes, 0, alongY)
      const starts = alongX.starts.map((start) => start - columns.first)
      data = horizontalPass(between, rowBytes, 0, window.height, channels, { ...alongX, starts })
    } else {
      const between = horizontalPass(source, width * channels, rows.first, rows.count, channels, alongX)
      data = verticalPass(between, outputRowBytes, 0, outputRowBytes, rows.first, alongY)
    }
  } else if (alongX) {
    data = horizontalPass(source, width * channels, rows.first, rows.count, channels, alongX)
  } else if (alongY) {
    data = verticalPass(source, width * channels, columns.first * channels, outputRowBytes, 0, alongY)
  } else {
    data = new Uint8Array(window.height * outputRowBytes)
    for (let row = 0; row < window.height; row++) {
      const from = ((window.top + row) * width + window.left) * channels
      data.set(source.subarray(from, from + outputRowBytes), row * outputRowBytes)
    }
  }
  if (blends) unpremultiplyAlpha(data)
  return { mode, width: window.width, height: window.height, data }
}
