import { inflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { crc32 } from '../../src/codecs/crc32.ts'
import { decodePng } from '../../src/codecs/png-decode.ts'
import { encodePng } from '../../src/codecs/png-encode.ts'
import { unfilterRow } from '../../src/codecs/png-filters.ts'
import { TensorferryError } from '../../src/errors.ts'
import { convertImage, MAX_PIXELS } from '../../src/pipeline/index.ts'
import { readImageHeader } from '../../src/platform/image-header.ts'
import { messageOf } from '../pipeline/errors.ts'
import { digest, picture, readContainer, readGoldens } from '../pipeline/pictures.ts'

type Row = [file: string, kind: string, seed: number, height: number, width: number, mode: 'L' | 'RGB', golden: string]

const files = ['decode', 'decode_rare'].flatMap((name) => {
  const { cases } = readGoldens<Row>(`${name}.json`.replace('decode.json', 'decode_image.json'))
  return [...readContainer(`${name}.bin`)]
    .map((bytes, index) => ({ bytes, row: cases[index]! }))
    .filter(({ row }) => row[0].startsWith('png'))
})

describe('decodePng equals Pillow', () => {
  test('every PNG of the goldens: all colour types, depths, interlacing, transparency, profiles', async () => {
    const different = []
    for (const { bytes, row } of files) {
      const image = convertImage(await decodePng(bytes), { mode: row[5] })
      if (digest(`[${image.width}, ${image.height}]`, image.data) !== row[6]) different.push(row)
    }
    expect(new Set(files.map(({ row }) => row[0])).size).toBe(29)
    expect(different).toEqual([])
  })

  test('each filter by hand', () => {
    const above = Uint8Array.of(10, 20, 200, 250)
    const undo = (filter: number, ...row: number[]) => {
      const bytes = Uint8Array.from(row)
      expect(unfilterRow(filter, bytes, above, 1)).toBe(true)
      return [...bytes]
    }
    expect(undo(0, 1, 2, 3, 250)).toEqual([1, 2, 3, 250])
    expect(undo(1, 1, 2, 3, 250)).toEqual([1, 3, 6, 0])
    expect(undo(2, 1, 2, 3, 250)).toEqual([11, 22, 203, 244])
    expect(undo(3, 1, 2, 3, 250)).toEqual([6, 15, 110, 174])
    // Above, four times.
    expect(undo(4, 1, 2, 3, 250)).toEqual([11, 22, 203, 244])
    // Above, left, left, corner.
    expect(undo(4, 200, 1, 200, 7)).toEqual([210, 211, 155, 207])
    expect(unfilterRow(5, Uint8Array.of(1), above, 1)).toBe(false)
  })

  test('any byte changed gives a picture or INPUT_INVALID, never another error', async () => {
    const outcomes = { pictures: 0, refused: 0 }
    for (const kind of ['png-c3b4i', 'png-c6b8i', 'png-pieces']) {
      const { bytes } = files.find(({ row }) => row[0] === kind)!
      for (let at = 8; at < Math.min(bytes.length, 400); at++) {
        const damaged = bytes.slice()
        damaged[at] = 255 - damaged[at]!
        try {
          readImageHeader(damaged, MAX_PIXELS)
          await decodePng(damaged)
          outcomes.pictures++
        } catch (error) {
          expect(TensorferryError.is(error, 'INPUT_INVALID'), `${kind}, byte ${at}: ${error}`).toBe(true)
          outcomes.refused++
        }
      }
    }
    expect(outcomes.pictures).toBe(0)
    expect(outcomes.refused).toBeGreaterThan(500)
  })

  test.each([
    ['a wrong checksum of the pixels', -20, /the checksum of IDAT at byte \d+ is wrong/],
    ['a wrong checksum of the head', 29, /the checksum of IHDR at byte 8 is wrong/],
    ['another colour type', 25, /no PNG has colour type 2\d\d/],
  ])('%s is named', async (_, at, expected) => {
    const bytes = files.find(({ row }) => row[0] === 'png-rgb')!.bytes.slice()
    bytes[at < 0 ? bytes.length + at : at]! ^= 0xff
    expect(await messageOf('INPUT_INVALID', () => decodePng(bytes))).toMatch(expected)
  })

  test('pixels that are missing are counted', async () => {
    const bytes = await encodePng(picture('noise', 3, 4, 5))
    const view = new DataView(bytes.buffer)
    view.setUint32(20, 6)
    view.setUint32(29, crc32(bytes.subarray(12, 29)))
    expect(await messageOf('INPUT_INVALID', () => decodePng(bytes))).toMatch(/it has 64 of 96 bytes of pixels/)
  })
})

describe('encodePng', () => {
  test.each(['L', 'RGB', 'RGBA'] as const)('%s: libpng reads the same pixels', async (mode) => {
    for (const [kind, height, width] of [
      ['noise', 11, 13],
      ['gradient', 40, 30],
      ['edges', 1, 1],
      ['constant', 9, 1],
    ] as const) {
      const image = picture(kind, 7, height, width, mode)
      const bytes = await encodePng(image)
      const pixels = sharp(bytes).raw()
      const read = await (mode === 'L' ? pixels.toColourspace('b-w') : pixels).toBuffer({ resolveWithObject: true })
      expect([read.info.width, read.info.height]).toEqual([width, height])
      expect(new Uint8Array(read.data)).toEqual(image.data)
      const alone = await decodePng(bytes)
      expect(alone.data).toEqual(mode === 'RGBA' ? convertImage(image, { mode: 'RGB' }).data : image.data)
    }
  })

  test('filters are chosen: a gradient takes a tenth of its pixels', async () => {
    const image = picture('gradient', 7, 64, 64)
    const bytes = await encodePng(image)
    expect(bytes.length).toBeLessThan(image.data.length / 10)
    const used = new Set<number>()
    for (const kind of ['noise', 'gradient', 'edges'] as const) {
      const file = await encodePng(picture(kind, 5, 64, 64))
      const rows = inflateSync(file.subarray(41, file.length - 16))
      for (let y = 0; y < 64; y++) used.add(rows[y * 193]!)
    }
    expect(used.size).toBeGreaterThan(2)
  })
})
