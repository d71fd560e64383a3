import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { describe, expect, test, vi } from 'vitest'
import { decodeWithWasm } from '../../src/codecs/wasm-decoders.ts'
import { TensorferryError } from '../../src/errors.ts'
import { convertImage, MAX_PIXELS, type RawImage } from '../../src/pipeline/index.ts'
import { nodeImageCodecs } from '../../src/platform/image-codecs-node.ts'
import { readImageHeader } from '../../src/platform/image-header.ts'
import { expectError } from '../expect-error.ts'
import { digest, GOLDENS, readContainer, readGoldens } from '../pipeline/pictures.ts'

type Row = [file: string, kind: string, seed: number, height: number, width: number, mode: 'L' | 'RGB', golden: string]

const files = (['decode_image', 'decode_rare'] as const).flatMap((name) => {
  const { cases } = readGoldens<Row>(`${name}.json`)
  return [...readContainer(name === 'decode_rare' ? 'decode_rare.bin' : 'decode.bin')].map((bytes, index) => ({
    bytes,
    row: cases[index]!,
  }))
})
const ofFormat = (format: string) => files.filter(({ row }) => row[0].startsWith(format))
const fileOf = (kind: string) => files.find(({ row }) => row[0] === kind)!.bytes
const { photo: goldens } = readGoldens<Row, { photo: Record<string, [rgb: string, luma: string]> }>('decode_image.json')
const photo = (name: string) => new Uint8Array(readFileSync(new URL(name, GOLDENS)))

/** As a browser does it whose own decoder is not exact. */
async function decode(bytes: Uint8Array, mostPixels = MAX_PIXELS): Promise<RawImage> {
  const header = readImageHeader(bytes, mostPixels)
  const { format } = header
  if (format === 'png') throw new TypeError('no decoder for PNG')
  return { mode: 'RGB', ...(await decodeWithWasm(format, bytes, header)) }
}

describe('libjpeg-turbo and libwebp in WebAssembly equal Pillow', () => {
  test.each([
    ['jpeg', 164, 16],
    ['webp', 72, 9],
  ])('every %s of the goldens: %i files', async (format, count, kinds) => {
    const different = []
    for (const { bytes, row } of ofFormat(format)) {
      const image = convertImage(await decode(bytes), { mode: row[5] })
      if (digest(`[${image.width}, ${image.height}]`, image.data) !== row[6]) different.push(row)
    }
    expect(ofFormat(format).length).toBe(count)
    expect(new Set(ofFormat(format).map(({ row }) => row[0])).size).toBe(kinds)
    expect(different).toEqual([])
  })

  test.each(['photo.jpg', 'photo.webp'])('a photograph, %s', async (name) => {
    const { width, height, data } = await decode(photo(name))
    expect(digest(`[${width}, ${height}]`, data)).toBe(goldens[name]![0])
  })

  // Made of photo.jpg by jpegtran, which keeps every value; Pillow reads the same pixels of all three.
  test.each(['photo-arithmetic.jpg', 'photo-arithmetic-progressive.jpg'])('arithmetic coding, %s', async (name) => {
    for (const { width, height, data } of [
      await decode(photo(name)),
      await nodeImageCodecs.decode(photo(name), 'RGB'),
    ]) {
      expect(digest(`[${width}, ${height}]`, data)).toBe(goldens['photo.jpg']![0])
    }
  })

  test('pictures of a megapixel, as in Node', async () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
    const picture = sharp({ create: { width: 1201, height: 901, channels: 3, background: '#000', noise } })
    for (const options of [{ progressive: true }, { chromaSubsampling: '4:4:4' }]) {
      const file = await picture
        .clone()
        .jpeg({ quality: 60, ...options })
        .toBuffer()
      expect(digest((await decode(file)).data)).toBe(digest((await nodeImageCodecs.decode(file, 'RGB')).data))
    }
    const file = await picture.clone().webp({ effort: 0, quality: 60 }).toBuffer()
    expect(digest((await decode(file)).data)).toBe(digest((await nodeImageCodecs.decode(file, 'RGB')).data))
  })
})

test.each(['jpeg', 'webp'] as const)('what a %s took is free for the next', async (format) => {
  const create = { width: 1201, height: 901, channels: 3, background: '#369' } as const
  const file = await sharp({ create }).toFormat(format, { progressive: true, effort: 0 }).toBuffer()
  await decode(file)
  const instantiate = vi.spyOn(WebAssembly, 'instantiate')
  // 3.2 MB of pixels each: together more than the memory that is kept.
  for (let run = 0; run < 25; run++) await decode(file)
  expect(instantiate).not.toHaveBeenCalled()
  instantiate.mockRestore()
})

describe('damaged files', () => {
  /** Outcomes of files with one byte changed. */
  async function outcomes(bytes: Uint8Array) {
    const counts = { pictures: 0, refused: 0 }
    for (let at = 12; at < Math.min(bytes.length, 500); at++) {
      const damaged = bytes.slice()
      damaged[at] = 255 - damaged[at]!
      try {
        await decode(damaged, 4_000_000)
        counts.pictures++
      } catch (error) {
        if (!TensorferryError.is(error, 'INPUT_INVALID')) throw error
        counts.refused++
      }
    }
    return counts
  }

  test.each(['jpeg-420', 'jpeg-progressive', 'webp'])(
    'any byte changed in a %s gives a picture or INPUT_INVALID, never another error',
    async (kind) => {
      const { pictures, refused } = await outcomes(fileOf(kind))
      expect(pictures).toBeGreaterThan(20)
      expect(refused).toBeGreaterThan(20)
    },
  )

  test('data that end too early, between marks that are whole', async () => {
    const jpeg = photo('photo.jpg')
    const start = Buffer.from(jpeg).indexOf(Uint8Array.of(0xff, 0xda))
    for (const end of [start + 14, Math.floor((start + jpeg.length) / 2), jpeg.length - 40]) {
      const cut = Buffer.concat([jpeg.subarray(0, end), Uint8Array.of(0xff, 0xd9)])
      await expectError('INPUT_INVALID', /the JPEG file is damaged inside \(its data are not whole\)/, () =>
        decode(cut),
      )
    }
    const webp = photo('photo.webp').slice(0, 800)
    const view = new DataView(webp.buffer)
    view.setUint32(4, webp.length - 8, true)
    view.setUint32(16, webp.length - 20, true)
    await expectError('INPUT_INVALID', /the WebP file is damaged inside/, () => decode(webp))
  })

  test('damage in the alpha of a WebP, whose colours are whole', async () => {
    const bytes = fileOf('webp-alpha').slice()
    const at = Buffer.from(bytes).indexOf('ALPH')
    bytes[at + 8] = 0xff
    await expectError('INPUT_INVALID', /the WebP file is damaged inside/, () => decode(bytes))
  })

  test('a size that is another than the head’s', async () => {
    const size = { width: 100, height: 96 }
    for (const [format, name] of [
      ['jpeg', 'photo.jpg'],
      ['webp', 'photo.webp'],
    ] as const) {
      await expectError('INPUT_INVALID', /it gives two sizes/, () => decodeWithWasm(format, photo(name), size))
    }
  })

  test('a JPEG of more scans than anyone writes does not take hours', async () => {
    const jpeg = fileOf('jpeg-progressive')
    const scan = Buffer.from(jpeg).indexOf(Uint8Array.of(0xff, 0xda))
    const scans = Array.from({ length: 600 }, () => jpeg.subarray(scan, scan + 14))
    const file = Buffer.concat([jpeg.subarray(0, scan), ...scans, jpeg.subarray(scan)])
    await expectError('INPUT_INVALID', /it has 6\d\d scans/, () => decode(file))
  })

  test('more pixels than memory has addresses', async () => {
    const size = { width: 65_000, height: 65_000 }
    await expectError('OUT_OF_MEMORY', /65000 x 65000 pixels/, () => decodeWithWasm('jpeg', photo('photo.jpg'), size))
    await expectError('OUT_OF_MEMORY', /65000 x 65000 pixels/, () => decodeWithWasm('webp', photo('photo.webp'), size))
    // Its pixels would fit, not the values of its scans.
    const scans = Buffer.concat([photo('photo.jpg'), Uint8Array.of(0xff, 0xda)])
    const half = { width: 30_000, height: 30_000 }
    await expectError('OUT_OF_MEMORY', /30000 x 30000 pixels/, () => decodeWithWasm('jpeg', scans, half))
  })

  test('memory that ends while a file is decoded', async () => {
    const create = { width: 16, height: 16, channels: 3, background: '#369' } as const
    const file = await sharp({ create }).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer()
    const frame = file.indexOf(Uint8Array.of(0xff, 0xc2))
    // Its pixels and the values of its scans take 150 kB less than all memory: what surrounds them has no room.
    const size = { width: 21_800, height: 21_890 }
    file.writeUInt16BE(size.height, frame + 5)
    file.writeUInt16BE(size.width, frame + 7)
    await expectError('OUT_OF_MEMORY', /21800 x 21890 pixels/, () => decodeWithWasm('jpeg', file, size))
    expect(digest('[144, 96]', (await decode(photo('photo.jpg'))).data)).toBe(goldens['photo.jpg']![0])
  })
})
