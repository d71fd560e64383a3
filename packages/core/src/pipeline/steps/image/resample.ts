import type { PixelLoops } from '../../loops/pixel-loops.ts'
import { blankImage, IMAGE_CHANNELS, type RawImage } from '../../raw-image.ts'
import { premultiplyAlpha, unpremultiplyAlpha } from './alpha.ts'
import { type Coefficients, computeCoefficients, type Interpolation } from './resample-coefficients.ts'

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
 * @param loops - that convolve; all give the same bits
 * @see Pillow, src/libImaging/Resample.c (8 bits per channel), and Geometry.c for `nearest`
 */
export function resampleWindow(
  image: RawImage,
  target: ResampleTarget,
  window: OutputWindow,
  { horizontalPass, verticalPass }: PixelLoops,
): RawImage {
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
