// Decodes and encodes in the page, or in a worker when it is loaded as one.
import { decodeImage, type EncodeOptions, encodeImage, type RawImage } from '@tensorferry/core'
import { type PictureKind, picture } from '../../../core/test/pipeline/generated-pictures.ts'

/** A row of the goldens: file, kind, seed, height, width, mode, digest. */
type Row = [string, string, number, number, number, 'L' | 'RGB', string]

/** First 16 hex digits of the sha256 of size and pixels, as the goldens have it. */
async function digest({ width, height, data }: RawImage): Promise<string> {
  const blob = new Blob([`[${width}, ${height}]`, data])
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))
  return Array.from(hash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error)

/** How often `createImageBitmap` gave other pixels. */
let changed = 0

const page = {
  /** As a browser whose decoder is another, or that keeps off fingerprinting: one bit of one pixel of every picture. */
  giveOtherPixels(): void {
    const decode = globalThis.createImageBitmap
    globalThis.createImageBitmap = (async (source: ImageBitmapSource, options: ImageBitmapOptions) => {
      const bitmap = await decode(source, options)
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')!
      context.drawImage(bitmap, 0, 0)
      const image = context.getImageData(0, 0, bitmap.width, bitmap.height)
      image.data[image.data.length >> 1]! ^= 1
      context.putImageData(image, 0, 0)
      changed++
      return context.canvas.transferToImageBitmap()
    }) as typeof createImageBitmap
  },
  timesChanged: (): number => changed,
  /** Digests of the files of a container, by rows; the code of what is refused. */
  async decodeAll(url: string, rows: readonly Row[]): Promise<string[]> {
    const container = new Uint8Array(await (await fetch(url)).arrayBuffer())
    const view = new DataView(container.buffer)
    const digests: string[] = []
    for (let at = 0; at < container.length; at += 4 + view.getUint32(at, true)) {
      const file = container.subarray(at + 4, at + 4 + view.getUint32(at, true))
      const mode = rows[digests.length]![5]
      digests.push(await decodeImage(file, { mode }).then(digest, codeOf))
    }
    return digests
  },
  /** The digest of a file, or what refused it. */
  async decode(url: string, mode: 'L' | 'RGB' = 'RGB'): Promise<{ digest?: string; code?: string; message?: string }> {
    const file = new Uint8Array(await (await fetch(url)).arrayBuffer())
    return decodeImage(file, { mode }).then(
      async (image) => ({ digest: await digest(image) }),
      (error) => ({ code: codeOf(error), message: error.message }),
    )
  },
  /** A generated picture as a file. */
  async encode(
    row: [PictureKind, number, number, number, RawImage['mode']],
    options: EncodeOptions,
  ): Promise<number[]> {
    return Array.from(await encodeImage(picture(...row), options))
  },
  /** {@link page.decodeAll} in a worker of its own, which may give other pixels. */
  decodeInWorker(url: string, rows: readonly Row[], other = false): Promise<string[]> {
    const worker = new Worker('/pictures.js', { type: 'module' })
    return new Promise<string[]>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data)
      worker.onerror = ({ message }) => reject(new Error(message))
      worker.postMessage({ url, rows, other })
    }).finally(() => worker.terminate())
  },
}

declare global {
  var pictures: typeof page
}
globalThis.pictures = page
if (typeof document === 'undefined') {
  globalThis.onmessage = async ({ data: { url, rows, other } }) => {
    if (other) page.giveOtherPixels()
    const digests = await page.decodeAll(url, rows)
    if (other && changed === 0) digests.push('no picture was changed')
    globalThis.postMessage(digests)
  }
}
