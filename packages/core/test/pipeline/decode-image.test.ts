import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { MAX_PIXELS } from '../../src/pipeline/raw-image.ts'
import { decodeImage, type ImageSource } from '../../src/pipeline/steps/image/decode-image.ts'
import { createNodeImageCodecs, nodeImageCodecs } from '../../src/platform/image-codecs-node.ts'
import { readImageHeader } from '../../src/platform/image-header.ts'
import { messageOf } from './errors.ts'
import { digest, GOLDENS, picture, readContainer, readGoldens } from './pictures.ts'

type Row = [file: string, kind: string, seed: number, height: number, width: number, mode: 'L' | 'RGB', golden: string]

const { cases, photo } = readGoldens<Row, { photo: Record<string, [rgb: string, luma: string]> }>('decode_image.json')
const bytesOf = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(new URL(name, GOLDENS)))
const decode = (source: ImageSource, mode: 'L' | 'RGB' = 'RGB') => decodeImage(source, { mode }, nodeImageCodecs)

const { cases: rareCases } = readGoldens<Row>('decode_rare.json')
const encoded = [...readContainer('decode.bin')].map((bytes, index) => ({ bytes, row: cases[index]! }))
const rare = [...readContainer('decode_rare.bin')].map((bytes, index) => ({ bytes, row: rareCases[index]! }))
const fileOf = (kind: string) => encoded.find(({ row }) => row[0] === kind)!.bytes

describe('decode_image equals Pillow', () => {
  test('320 files: JPEG, PNG and WebP of 20 kinds', async () => {
    const different = []
    for (const { bytes, row } of encoded) {
      const { data, width, height } = await decode(bytes, row[5])
      if (digest(`[${width}, ${height}]`, data) !== row[6]) different.push(row)
    }
    expect(encoded.length).toBe(320)
    expect(new Set(cases.map(([file]) => file)).size).toBe(20)
    expect(different).toEqual([])
  })

  test('140 files of 35 rarer kinds', async () => {
    const different = []
    for (const { bytes, row } of rare) {
      const { data, width, height } = await decode(bytes, row[5])
      if (digest(`[${width}, ${height}]`, data) !== row[6]) different.push(row)
    }
    expect(rare.length).toBe(140)
    expect(new Set(rareCases.map(([file]) => file)).size).toBe(35)
    expect(different).toEqual([])
  })

  test.each(Object.entries(photo))('a photograph, %s', async (name, [rgb, luma]) => {
    for (const [mode, golden] of [
      ['RGB', rgb],
      ['L', luma],
    ] as const) {
      const { data, width, height } = await decode(bytesOf(name), mode)
      expect(digest(`[${width}, ${height}]`, data)).toBe(golden)
    }
  })

  test('the files with a profile would show it, those with EXIF are not rotated', async () => {
    const bytes = encoded.find(({ row }) => row[0] === 'png-icc' && row[1] === 'noise')!.bytes
    const managed = await sharp(bytes).raw().toBuffer()
    expect(digest((await decode(bytes)).data)).not.toBe(digest(managed))
    const orientations = await Promise.all(
      encoded
        .filter(({ row }) => row[0] === 'jpeg-exif')
        .map(async ({ bytes, row }) => [(await sharp(bytes).metadata()).orientation, (row[2] % 8) + 1]),
    )
    expect(orientations.length).toBe(16)
    expect(orientations.filter(([read, written]) => read !== written)).toEqual([])
  })

  test('the header has the size of every file', () => {
    for (const { bytes, row } of encoded) {
      expect(readImageHeader(bytes, MAX_PIXELS)).toMatchObject({
        format: row[0].split('-')[0],
        height: row[3],
        width: row[4],
      })
    }
  })
})

describe('sources', () => {
  test('Uint8Array, a view into a larger buffer, ArrayBuffer and Blob give the same', async () => {
    const bytes = bytesOf('photo.png')
    const larger = new Uint8Array(bytes.length + 7)
    larger.set(bytes, 7)
    const sources = [bytes, larger.subarray(7), Buffer.from(bytes), bytes.buffer, new Blob([bytes])]
    const digests = await Promise.all(sources.map(async (source) => digest((await decode(source)).data)))
    expect(new Set(digests).size).toBe(1)
  })

  test('pixels: RawImage and ImageData, converted, never aliased', async () => {
    const image = picture('noise', 5, 4, 3, 'RGBA')
    const { width, height } = image
    const fromCanvas = { width, height, data: new Uint8ClampedArray(image.data) }
    const rgb = await decode(image)
    expect(rgb).toEqual({ mode: 'RGB', width, height, data: image.data.filter((_, index) => index % 4 !== 3) })
    expect(await decode(fromCanvas)).toEqual(rgb)
    const same = await decode(rgb)
    expect(same).toEqual(rgb)
    expect(same.data.buffer).not.toBe(rgb.data.buffer)
  })

  test.each([
    ['a string', 'cat.jpg', /got string/],
    ['null', null, /got null/],
    ['canvas pixels of another size', { width: 2, height: 2, data: new Uint8ClampedArray(12) }, /2 x 2 and 12 bytes/],
  ])('%s is refused', async (_, source, expected) => {
    expect(await messageOf('INPUT_INVALID', () => decode(source as ImageSource))).toMatch(expected)
  })
})

describe('damaged and foreign files', () => {
  const text = (content: string) => new TextEncoder().encode(content)
  const png = fileOf('png-rgb')
  // RIFF and a VP8L chunk without a body at the very end.
  const emptyChunk = Uint8Array.of(
    82,
    73,
    70,
    70,
    22,
    0,
    0,
    0,
    87,
    69,
    66,
    80,
    65,
    66,
    67,
    68,
    2,
    0,
    0,
    0,
    0,
    0,
    86,
    80,
    56,
    76,
    0,
    0,
    0,
    0,
  )
  const sixteenBits = png.slice()
  sixteenBits[24] = 16
  const badChecksum = png.slice()
  badChecksum[badChecksum.length - 20]! ^= 0xff
  test.each([
    ['an empty file', new Uint8Array(0), /the file is empty \(0 bytes\)/],
    ['an empty buffer', new ArrayBuffer(0), /the file is empty/],
    [
      'a text file',
      text('hello, I am no picture\n'),
      /expected a JPEG, PNG or WebP file, got 23 bytes that begin with text: "hello/,
    ],
    ['an HTML page', text('<!doctype html><title>404</title>'), /text: "<!doctype html>/],
    ['an SVG', text('<svg xmlns="http://www.w3.org/2000/svg"/>'), /text: "<svg/],
    ['a GIF', Uint8Array.from([71, 73, 70, 56, 57, 97, 1, 0, 1, 0, 0]), /got a GIF; save it as PNG/],
    ['a photo of a phone', text('\0\0\0\x24ftypheic\0\0\0\0mif1heic'), /got a HEIC; save it as PNG/],
    ['bytes of something else', Uint8Array.from([1, 2, 3, 250]), /got 4 bytes that begin with bytes 01 02 03 fa/],
    ['16 bits a channel', sixteenBits, /16 bits a channel/],
    ['a WebP whose picture is empty', emptyChunk, /the WebP file is damaged; get or save it anew$/],
    ['a wrong checksum', badChecksum, /the PNG file \(\d+ x \d+\) is damaged inside; get or save it anew$/],
  ])('%s', async (_, source, expected) => {
    const message = await messageOf('INPUT_INVALID', () => decode(source))
    expect(message).toMatch(/^decode_image: /)
    expect(message).toMatch(expected)
  })

  test('CMYK is refused by name', async () => {
    const cmyk = await sharp(bytesOf('photo.png')).toColourspace('cmyk').jpeg().toBuffer()
    expect(await messageOf('INPUT_INVALID', () => decode(cmyk))).toMatch(/JPEG of 4 channels \(CMYK\)/)
  })

  test('an animated WebP is refused', async () => {
    const frames = Buffer.alloc(8 * 16 * 3, 9).fill(200, 0, 8 * 8 * 3)
    const raw = { width: 8, height: 16, channels: 3, pageHeight: 8 } as const
    const animated = await sharp(frames, { raw }).webp({ loop: 0 }).toBuffer()
    expect(await messageOf('INPUT_INVALID', () => decode(animated))).toMatch(/animated WebP/)
  })

  test('an animated PNG is refused; where acTL comes behind the pixels, it is none', async () => {
    const chunk = (name: string, body: Uint8Array) => {
      const bytes = Buffer.concat([Buffer.alloc(4), text(name), body, Buffer.alloc(4)])
      bytes.writeUInt32BE(body.length, 0)
      bytes.writeUInt32BE(crc32(bytes.subarray(4, -4)), bytes.length - 4)
      return bytes
    }
    const still = Buffer.from(bytesOf('photo.png'))
    // Two frames, played without end.
    const control = chunk('acTL', Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 0))
    const before = 8 + 12 + 13
    const animated = Buffer.concat([still.subarray(0, before), control, still.subarray(before)])
    expect(await messageOf('INPUT_INVALID', () => decode(animated))).toBe(
      'decode_image: an animated PNG is not supported; save one picture of it',
    )
    const behind = Buffer.concat([still.subarray(0, -12), control, still.subarray(-12)])
    expect(await decode(behind)).toEqual(await decode(still))
  })

  test('JPEG data that libjpeg reads over give Pillow’s pixels, as cut data with an end mark do', async () => {
    const cut = Buffer.concat([bytesOf('photo.jpg').subarray(0, 3000), Uint8Array.of(0xff, 0xd9)])
    expect(digest((await decode(cut)).data)).toBe('3737e0e0a7b15166')
  })

  test.each(['photo.jpg', 'photo.png', 'photo.webp'])('%s cut anywhere is refused', async (name) => {
    const bytes = bytesOf(name)
    for (const part of [0.001, 0.01, 0.1, 0.5, 0.9, 0.99]) {
      const cut = bytes.slice(0, Math.ceil(bytes.length * part))
      expect(await messageOf('INPUT_INVALID', () => decode(cut))).toMatch(/truncated|begin with/)
    }
    const withoutEnd = bytes.slice(0, -1)
    expect(await messageOf('INPUT_INVALID', () => decode(withoutEnd))).toMatch(/truncated: it ends after/)
  })

  test('any byte changed gives a picture or INPUT_INVALID, never another error', async () => {
    for (const kind of ['jpeg-420', 'png-palette', 'webp']) {
      const bytes = fileOf(kind)
      for (let at = 0; at < Math.min(bytes.length, 120); at++) {
        const damaged = bytes.slice()
        damaged[at] = 255 - damaged[at]!
        const outcome = await decode(damaged).catch((error: { code?: string }) => error.code)
        if (typeof outcome !== 'object') expect(outcome, `${kind}, byte ${at}`).toBe('INPUT_INVALID')
      }
    }
  })

  test('a picture of too many pixels is refused before it is decoded', async () => {
    const huge = png.slice()
    new DataView(huge.buffer).setUint32(16, 20000)
    new DataView(huge.buffer).setUint32(20, 20000)
    expect(await messageOf('INPUT_INVALID', () => decode(huge))).toMatch(/178956970 pixels, got 20000 x 20000/)
  })

  test('without sharp: DEPENDENCY_MISSING and the command', async () => {
    const codecs = createNodeImageCodecs(() => createRequire(import.meta.url)('a-package-that-is-not-installed'))
    const message = await messageOf('DEPENDENCY_MISSING', () => codecs.decode(png, 'RGB'))
    expect(message).toBe('images need the package sharp: npm install sharp')
  })
})
