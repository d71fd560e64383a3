// A turn in a picture's EXIF: ignored by default, as Pillow does, told in the report, and applied where it is asked for.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readOrientation, turnUpright } from '../../src/codecs/orientation.ts'
import { decodeImage } from '../../src/image-files.ts'
import { nodeImageCodecs } from '../../src/platform/image-codecs-node.ts'

interface Case {
  readonly format: string
  readonly mode: 'RGB' | 'L'
  readonly orientation: number
  readonly file: string
  readonly width: number
  readonly height: number
  readonly pixels: string
}

const { cases } = JSON.parse(readFileSync(new URL('../goldens/orientation.json', import.meta.url), 'utf8')) as {
  cases: readonly Case[]
}
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

test.each(cases)('$format, $mode, orientation $orientation: as PIL.ImageOps.exif_transpose', async (golden) => {
  const { mode, orientation, file, width, height, pixels } = golden
  const bytes = bytesOf(file)
  expect(readOrientation(bytes)).toBe(orientation)
  const upright = { mode, width, height, data: bytesOf(pixels) }
  for (const source of [bytes, bytes.buffer, new Blob([bytes])]) {
    expect(await decodeImage(source, { mode, upright: true })).toEqual(upright)
  }
  // The default is Pillow's: the stored pixels.
  const stored = await decodeImage(bytes, { mode })
  expect([stored.width, stored.height]).toEqual([5, 3])
  expect(turnUpright(stored, orientation)).toEqual(upright)
})

test('a codec tells of the turn that it ignores, and of nothing else', async () => {
  for (const { orientation, file } of cases.filter(({ mode }) => mode === 'RGB')) {
    const told: string[] = []
    await nodeImageCodecs.decode(bytesOf(file), 'RGB', told)
    expect(told).toEqual(orientation === 1 ? [] : [expect.stringContaining(`EXIF orientation ${orientation})`)])
  }
})

test('damaged EXIF is no turn, at whatever byte it ends', () => {
  for (const { file } of cases.filter(({ orientation }) => orientation === 6)) {
    const bytes = bytesOf(file)
    for (let end = 0; end < bytes.length; end++) {
      expect([1, 6]).toContain(readOrientation(bytes.subarray(0, end)))
      const changed = bytes.slice()
      changed[end]! ^= 0xff
      expect(readOrientation(changed)).toBeGreaterThanOrEqual(1)
      expect(readOrientation(changed)).toBeLessThanOrEqual(8)
    }
  }
})
