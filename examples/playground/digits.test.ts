import { expect, test } from 'vitest'
import { drawingToPicture, type PenPoint, type PenStroke } from './src/digits/drawing-to-picture.ts'
import { readDrawings } from './test/playground.ts'

const { drawings } = await readDrawings()
const seven = drawings.find(({ digit }) => digit === 7)!.strokes

function moved(strokes: readonly PenStroke[], scale: number, byX: number, byY: number): PenStroke[] {
  return strokes.map((stroke) => stroke.map(([x, y, t]): PenPoint => [x * scale + byX, y * scale + byY, t]))
}

test('size and place on the canvas make no difference', () => {
  const picture = drawingToPicture(seven)!
  expect([picture.mode, picture.width, picture.height]).toEqual(['L', 96, 96])
  for (const other of [moved(seven, 1, 31, -12), moved(seven, 0.4, 100, 140), moved(seven, 1.2, -40, -9)]) {
    const { data } = drawingToPicture(other)!
    expect(Math.max(...data.map((level, index) => Math.abs(level - picture.data[index]!)))).toBeLessThanOrEqual(1)
  }
})

test('the digit fills the picture from edge to edge and lies in the middle', () => {
  for (const { strokes } of drawings) {
    const { data } = drawingToPicture(strokes)!
    const inked = Array.from(data.keys()).filter((index) => data[index]! > 127)
    const rows = inked.map((index) => Math.floor(index / 96))
    const columns = inked.map((index) => index % 96)
    const [top, bottom, left, right] = [
      Math.min(...rows),
      Math.max(...rows),
      Math.min(...columns),
      Math.max(...columns),
    ]
    expect(Math.min(top, left)).toBeLessThanOrEqual(1)
    expect(Math.abs(top - (95 - bottom))).toBeLessThanOrEqual(1)
    expect(Math.abs(left - (95 - right))).toBeLessThanOrEqual(1)
  }
})

test('a dot stays a dot, nothing is nothing', () => {
  const dot = drawingToPicture([[[10, 10, 0]]])!
  const inked = dot.data.filter((level) => level > 127).length
  // A pen of 0.06 x 96 pixels.
  expect(inked).toBeGreaterThan(90)
  expect(inked).toBeLessThan(120)
  expect(drawingToPicture([])).toBeNull()
})
