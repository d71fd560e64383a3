// Picture files in Chromium, under a strict policy: the pixels of Pillow, from the files that Node's tests read.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { picture } from '../../core/test/pipeline/generated-pictures.ts'
import { chromiumPath, launchChromium } from './browser/chromium.ts'
import { startServer, type TestServer } from './browser/server.ts'

const GOLDENS = new URL('../../core/test/goldens/pipeline/', import.meta.url)

type Row = [file: string, kind: string, seed: number, height: number, width: number, mode: 'L' | 'RGB', golden: string]

async function readGoldens(name: string) {
  return JSON.parse(await readFile(new URL(name, GOLDENS), 'utf8')) as {
    cases: Row[]
    photo: Record<string, [rgb: string, luma: string]>
  }
}

describe.skipIf(chromiumPath === null)('pictures in Chromium', () => {
  let browser: Browser
  let server: TestServer
  beforeAll(async () => {
    browser = await launchChromium()
    server = await startServer()
    for (const name of ['decode.bin', 'decode_rare.bin', 'photo.jpg', 'photo.png', 'photo.webp']) {
      server.files.set(`/${name}`, await readFile(new URL(name, GOLDENS)))
    }
  })
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  /** A page of its own, in which `change` ran first. */
  async function openPictures(change?: () => void): Promise<Page> {
    const page = await browser.newPage()
    if (change) await page.addInitScript(change)
    await page.goto(`${server.origin}/pictures.html`)
    await page.waitForFunction(() => 'pictures' in globalThis)
    return page
  }
  const decode = (page: Page, url: string) => page.evaluate((url) => pictures.decode(url), url)
  /** A file of the goldens, under its kind. */
  async function serveKind(kind: string): Promise<string> {
    const { cases } = await readGoldens('decode_rare.json')
    const container = await readFile(new URL('decode_rare.bin', GOLDENS))
    let at = 0
    for (const [name] of cases) {
      const length = container.readUInt32LE(at)
      if (name === kind) {
        server.files.set(`/${kind}`, container.subarray(at + 4, at + 4 + length))
        return `/${kind}`
      }
      at += 4 + length
    }
    throw new Error(`no file of kind ${kind}`)
  }

  test.each([
    ['decode.bin', 'decode_image.json', 320],
    ['decode_rare.bin', 'decode_rare.json', 140],
  ])('every file of %s gives Pillow’s pixels, in a page and in a worker', async (file, goldens, count) => {
    const { cases } = await readGoldens(goldens)
    const page = await openPictures()
    const [inPage, inWorker] = await page.evaluate(
      ([url, rows]) => Promise.all([pictures.decodeAll(url, rows), pictures.decodeInWorker(url, rows)]),
      [`/${file}`, cases] as [string, Row[]],
    )
    expect([inPage!.length, inWorker!.length]).toEqual([count, count])
    expect(cases.filter((row, index) => inPage![index] !== row[6])).toEqual([])
    expect(cases.filter((row, index) => inWorker![index] !== row[6])).toEqual([])
    await page.close()
  })

  test('photographs, in colour and gray', async () => {
    const { photo } = await readGoldens('decode_image.json')
    const page = await openPictures()
    for (const [name, [rgb, luma]] of Object.entries(photo)) {
      const both = await page.evaluate(
        (url) => Promise.all([pictures.decode(url), pictures.decode(url, 'L')]),
        `/${name}`,
      )
      expect(both, name).toEqual([{ digest: rgb }, { digest: luma }])
    }
    await page.close()
  })

  test('a picture that is wider and higher than a tile', async () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
    const create = { width: 4200, height: 1100, channels: 3, background: '#000', noise } as const
    const page = await openPictures()
    for (const format of ['jpeg', 'webp'] as const) {
      const file = await sharp({ create }).toFormat(format, { quality: 70, effort: 0 }).toBuffer()
      server.files.set('/large', file)
      const pixels = await sharp(file).raw().toBuffer()
      const digest = createHash('sha256').update('[4200, 1100]').update(pixels).digest('hex').slice(0, 16)
      expect(await decode(page, '/large')).toEqual({ digest })
    }
    await page.close()
  })

  test.each([
    ['decode.bin', 'decode_image.json', 320],
    ['decode_rare.bin', 'decode_rare.json', 140],
  ])(
    'where the browser’s decoder gives other pixels, every file of %s gives Pillow’s',
    async (file, goldens, count) => {
      const { cases } = await readGoldens(goldens)
      const page = await openPictures()
      const [inPage, inWorker, changed] = await page.evaluate(
        async ([url, rows]) => {
          pictures.giveOtherPixels()
          const inPage = await pictures.decodeAll(url, rows)
          return [inPage, await pictures.decodeInWorker(url, rows, true), pictures.timesChanged()] as const
        },
        [`/${file}`, cases] as [string, Row[]],
      )
      expect([inPage.length, inWorker.length]).toEqual([count, count])
      expect(cases.filter((row, index) => inPage[index] !== row[6])).toEqual([])
      expect(cases.filter((row, index) => inWorker[index] !== row[6])).toEqual([])
      // The probes alone: no picture is drawn after them.
      expect(changed).toBe(file === 'decode.bin' ? 2 : 3)
      await page.close()
    },
  )

  test('where a canvas gives other pixels, photographs and alpha stay exact', async () => {
    const page = await openPictures(() => {
      // As protection against fingerprinting does: one bit of one pixel.
      const prototype = OffscreenCanvasRenderingContext2D.prototype
      const { getImageData } = prototype
      prototype.getImageData = function (...where) {
        const image = getImageData.apply(this, where)
        image.data[image.data.length >> 1]! ^= 1
        return image
      }
    })
    const { photo } = await readGoldens('decode_image.json')
    for (const [name, [rgb]] of Object.entries(photo)) expect(await decode(page, `/${name}`)).toEqual({ digest: rgb })
    const { cases } = await readGoldens('decode_rare.json')
    const lossless = cases.find(([kind]) => kind === 'webp-lossless-alpha')!
    expect(await decode(page, await serveKind('webp-lossless-alpha'))).toEqual({ digest: lossless[6] })
    await page.close()
  })

  test('where WebAssembly is forbidden too, JPEG and lossy WebP are refused, PNG and lossless WebP stay exact', async () => {
    const careful = await startServer({ policy: "default-src 'none'; script-src 'self'; connect-src 'self'" })
    const page = await browser.newPage()
    try {
      for (const [path, bytes] of server.files) careful.files.set(path, bytes)
      await page.goto(`${careful.origin}/pictures.html`)
      await page.waitForFunction(() => 'pictures' in globalThis)
      await page.evaluate(() => pictures.giveOtherPixels())
      for (const [name, format] of [
        ['photo.jpg', 'JPEG'],
        ['photo.webp', 'WebP'],
      ]) {
        const { code, message } = await decode(page, `/${name}`)
        expect(code).toBe('DEPENDENCY_MISSING')
        expect(message).toMatch(new RegExp(`pixels of this ${format}, and the one in WebAssembly .*wasm-unsafe-eval`))
      }
      const { photo } = await readGoldens('decode_image.json')
      expect(await decode(page, '/photo.png')).toEqual({ digest: photo['photo.png']![0] })
      const kind = await serveKind('webp-lossless-exif-icc')
      careful.files.set(kind, server.files.get(kind)!)
      const { cases } = await readGoldens('decode_rare.json')
      const lossless = cases.find(([name]) => `/${name}` === kind)!
      expect(await decode(page, kind)).toEqual({ digest: lossless[6] })
    } finally {
      await page.close()
      await careful.close()
    }
  })

  test('a JPEG of arithmetic coding, by the browser and in WebAssembly', async () => {
    const name = 'photo-arithmetic.jpg'
    server.files.set(`/${name}`, await readFile(new URL(name, GOLDENS)))
    const { photo } = await readGoldens('decode_image.json')
    const page = await openPictures()
    expect(await decode(page, `/${name}`)).toEqual({ digest: photo['photo.jpg']![0] })
    const other = await openPictures()
    await other.evaluate(() => pictures.giveOtherPixels())
    expect(await decode(other, `/${name}`)).toEqual({ digest: photo['photo.jpg']![0] })
    // As Firefox: it reads the probe, not the file.
    const without = await openPictures(() => {
      const decode = globalThis.createImageBitmap
      globalThis.createImageBitmap = (async (source: Blob, options: ImageBitmapOptions) =>
        source.size > 3000
          ? Promise.reject(new DOMException('not supported', 'InvalidStateError'))
          : decode(source, options)) as typeof createImageBitmap
    })
    expect(await decode(without, `/${name}`)).toEqual({ digest: photo['photo.jpg']![0] })
    expect(await decode(without, '/photo.jpg')).toMatchObject({ code: 'INPUT_INVALID' })
    for (const one of [page, other, without]) await one.close()
  })

  test('a browser without a format', async () => {
    const page = await openPictures(() => {
      const decode = globalThis.createImageBitmap
      globalThis.createImageBitmap = (async (source: Blob, options: ImageBitmapOptions) =>
        source.type === 'image/webp'
          ? Promise.reject(new DOMException('not supported', 'InvalidStateError'))
          : decode(source, options)) as typeof createImageBitmap
    })
    const { photo } = await readGoldens('decode_image.json')
    expect(await decode(page, '/photo.webp')).toEqual({ digest: photo['photo.webp']![0] })
    expect(await decode(page, '/photo.jpg')).toEqual({ digest: photo['photo.jpg']![0] })
    await page.close()
  })

  test('a browser that shrinks pictures', async () => {
    const page = await openPictures(() => {
      const decode = globalThis.createImageBitmap
      globalThis.createImageBitmap = (async (source: ImageBitmapSource, options: ImageBitmapOptions) => {
        const bitmap = await decode(source, options)
        return bitmap.width > 100 ? decode(source, { ...options, resizeWidth: 72, resizeHeight: 48 }) : bitmap
      }) as typeof createImageBitmap
    })
    const { photo } = await readGoldens('decode_image.json')
    expect(await decode(page, '/photo.jpg')).toEqual({ digest: photo['photo.jpg']![0] })
    await page.close()
  })

  test('what a browser lacks is named', async () => {
    const page = await openPictures(() => {
      Reflect.deleteProperty(globalThis, 'OffscreenCanvas')
      Reflect.deleteProperty(globalThis, 'DecompressionStream')
    })
    const { photo } = await readGoldens('decode_image.json')
    // Read without a canvas, not written.
    expect(await decode(page, '/photo.jpg')).toEqual({ digest: photo['photo.jpg']![0] })
    const written = page.evaluate(() => pictures.encode(['noise', 7, 11, 13, 'RGB'], { format: 'jpeg' }))
    await expect(written).rejects.toThrow(/OffscreenCanvas, which this browser lacks/)
    const png = await decode(page, '/photo.png')
    expect(png).toMatchObject({ code: 'DEPENDENCY_MISSING', message: expect.stringMatching(/DecompressionStream/) })
    await page.close()
  })

  test.each(['the browser', 'WebAssembly'])('damaged files are refused by %s, not drawn', async (decoder) => {
    const page = await openPictures()
    if (decoder === 'WebAssembly') await page.evaluate(() => pictures.giveOtherPixels())
    for (const name of ['photo.jpg', 'photo.webp', 'photo.png']) {
      const whole = Buffer.from(await readFile(new URL(name, GOLDENS)))
      const damaged = name === 'photo.jpg' ? Buffer.concat([whole.subarray(0, 20), whole.subarray(-2)]) : whole
      if (name === 'photo.webp') damaged.fill(0xff, 20, 30)
      if (name === 'photo.png') damaged.fill(0xff, 20_000, 20_010)
      server.files.set('/damaged', damaged)
      expect(await decode(page, '/damaged'), name).toMatchObject({ code: 'INPUT_INVALID' })
    }
    await page.close()
  })

  test.each(['L', 'RGB', 'RGBA'] as const)('PNG of mode %s keeps every pixel, alpha too', async (mode) => {
    const page = await openPictures()
    const bytes = await page.evaluate((mode) => pictures.encode(['noise', 7, 11, 13, mode], {}), mode)
    const pixels = sharp(Buffer.from(bytes)).raw()
    const read = await (mode === 'L' ? pixels.toColourspace('b-w') : pixels).toBuffer()
    expect(new Uint8Array(read)).toEqual(picture('noise', 7, 11, 13, mode).data)
    await page.close()
  })
})
