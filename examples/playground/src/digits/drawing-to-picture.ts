import type { RawImage } from '@tensorferry/core'

/** Where the pen was, in pixels of the canvas, and when, in milliseconds. */
export type PenPoint = readonly [x: number, y: number, milliseconds: number]

/** From pen down to pen up. */
export type PenStroke = readonly PenPoint[]

/** A multiple of the 8 pixels that the network sees, so that its box filter has whole blocks to average. */
const SIDE = 96
/** Of the picture's side: a felt pen's, as the 32x32 bitmaps of the data set have it. */
const PEN_RADIUS = 0.06
/** A dot is drawn as a dot, not blown up to fill the picture. In pixels of the canvas. */
const SMALLEST = 24

interface Segment {
  readonly x: number
  readonly y: number
  readonly dx: number
  readonly dy: number
}

/** Moves and scales the pen's way, its proportions kept, so that the pen's outline fills the square. */
function fitted(strokes: readonly PenStroke[]): Segment[] {
  const points = strokes.flat()
  const [left, right] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))]
  const [top, bottom] = [Math.min(...points.map(([, y]) => y)), Math.max(...points.map(([, y]) => y))]
  const scale = ((1 - 2 * PEN_RADIUS) * SIDE) / Math.max(right - left, bottom - top, SMALLEST)
  const toX = (x: number): number => (x - (left + right) / 2) * scale + SIDE / 2
  const toY = (y: number): number => (y - (top + bottom) / 2) * scale + SIDE / 2
  return strokes.flatMap((stroke) =>
    stroke.map(([x, y], index) => {
      const [beforeX, beforeY] = stroke[Math.max(0, index - 1)]!
      return { x: toX(beforeX), y: toY(beforeY), dx: toX(x) - toX(beforeX), dy: toY(y) - toY(beforeY) }
    }),
  )
}

function distanceTo({ x, y, dx, dy }: Segment, atX: number, atY: number): number {
  const length = dx * dx + dy * dy
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((atX - x) * dx + (atY - y) * dy) / length))
  return Math.hypot(atX - x - along * dx, atY - y - along * dy)
}

/**
 * Draws a pen's way as the digits network was taught: white on black, one digit that fills the picture, in the middle,
 * with a pen as thick as the data set's. How large, where and how thick it was drawn on the canvas makes no difference.
 *
 * @param strokes - at least one point
 * @returns mode L, 96 x 96 pixels, edges smoothed; null for an empty drawing
 */
export function drawingToPicture(strokes: readonly PenStroke[]): RawImage | null {
  const segments = fitted(strokes)
  if (segments.length === 0) return null
  const radius = PEN_RADIUS * SIDE
  const nearest = new Float32Array(SIDE * SIDE).fill(SIDE)
  for (const segment of segments) {
    const { x, y, dx, dy } = segment
    const reach = radius + 1
    const from = (a: number, d: number): number => Math.max(0, Math.floor(Math.min(a, a + d) - reach))
    const to = (a: number, d: number): number => Math.min(SIDE, Math.ceil(Math.max(a, a + d) + reach))
    for (let row = from(y, dy); row < to(y, dy); row++) {
      for (let column = from(x, dx); column < to(x, dx); column++) {
        const at = row * SIDE + column
        nearest[at] = Math.min(nearest[at]!, distanceTo(segment, column + 0.5, row + 0.5))
      }
    }
  }
  // Half a pixel on either side of the outline: the share of the pixel that the pen covers, nearly.
  const data = Uint8Array.from(nearest, (distance) => 255 * Math.min(1, Math.max(0, radius - distance + 0.5)))
  return { mode: 'L', width: SIDE, height: SIDE, data }
}
