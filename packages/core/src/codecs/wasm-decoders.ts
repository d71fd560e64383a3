import { TensorferryError } from '../errors.ts'
import { FORMAT_NAMES } from '../platform/image-header.ts'
import { damagedPicture } from './damaged.ts'

/** RGB pixels. */
export interface Pixels {
  /** In pixels. */
  readonly width: number
  /** In pixels. */
  readonly height: number
  /** Shape [height, width, 3]. */
  readonly data: Uint8Array<ArrayBuffer>
}

type Size = Omit<Pixels, 'data'>
type Format = 'jpeg' | 'webp'

/** What both decoders export (wasm/decoders); addresses and sizes are numbers. They import nothing. */
interface Decoder {
  readonly memory: WebAssembly.Memory
  /** Frees all memory. */
  reset(): void
  /** The address of so many bytes; 0 when there are not as many. */
  take(bytes: number): number
  /** The address of the pixels, shape [height, width, 3]; 0 when the file is of another size. Traps when it gives up. */
  decode(file: number, length: number, width: number, height: number): number
  /** Why it gave up. */
  failure(): number
}

/** What `failure` answers. */
const DAMAGED = 1
const SHORT_OF_MEMORY = 2

const TEXTS = {
  jpeg: () => import('./jpeg.wasm'),
  webp: () => import('./webp.wasm'),
} as const

/** As libjpeg-turbo itself counts: a small file of countless scans would take hours. */
const MOST_SCANS = 500
/** Memory that is kept for the next file, in bytes: room for a phone's photo. It cannot shrink, so a larger one is given up. */
const KEPT = 64 * 1024 * 1024
/** Memory has no address after this. */
const MOST_BYTES = 2 ** 32

const compiled = new Map<Format, Promise<WebAssembly.Module>>()
/** Instances that no file uses. Some browsers give a page few memories. */
const kept = new Map<Format, Decoder>()

async function compile(format: Format): Promise<WebAssembly.Module> {
  const { default: text } = await TEXTS[format]()
  return WebAssembly.compile(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)))
}

function moduleOf(format: Format): Promise<WebAssembly.Module> {
  let module = compiled.get(format)
  if (!module) {
    module = compile(format)
    compiled.set(format, module)
    // What could not be loaded today may be tomorrow.
    module.catch(() => compiled.delete(format))
  }
  return module.catch((cause) => {
    throw new TensorferryError(
      'DEPENDENCY_MISSING',
      `decode_image: this browser's own decoder does not give Pillow's pixels of this ${FORMAT_NAMES[format]}, and the one in WebAssembly could not be loaded; allow it with script-src 'wasm-unsafe-eval' in the Content-Security-Policy, or pass pixels { width, height, data }, or send a PNG`,
      { cause, details: { format } },
    )
  })
}

function outOfMemory({ width, height }: Size, cause?: unknown): TensorferryError {
  return new TensorferryError('OUT_OF_MEMORY', `no memory could be had for a picture of ${width} x ${height} pixels`, {
    cause,
  })
}

function countScans(bytes: Uint8Array): number {
  let scans = 0
  for (let at = bytes.indexOf(0xff); at !== -1; at = bytes.indexOf(0xff, at + 1)) if (bytes[at + 1] === 0xda) scans++
  return scans
}

/** What cannot be done is not begun. */
function checkWork(format: Format, bytes: Uint8Array, size: Size): void {
  const { width, height } = size
  const scans = format === 'jpeg' ? countScans(bytes) : 1
  if (scans > MOST_SCANS) throw damagedPicture('JPEG', `it has ${scans} scans`)
  // Several scans meet in memory: two bytes for each value of three channels.
  const values = scans > 1 ? width * height * 6 : 0
  if (bytes.length + width * height * 3 + values >= MOST_BYTES) throw outOfMemory(size)
}

async function instantiate(format: Format): Promise<Decoder> {
  const { exports } = await WebAssembly.instantiate(await moduleOf(format))
  return exports as unknown as Decoder
}

function decode(decoder: Decoder, format: Format, bytes: Uint8Array, size: Size): Uint8Array<ArrayBuffer> {
  const { width, height } = size
  decoder.reset()
  const file = decoder.take(bytes.length) >>> 0
  if (file === 0) throw outOfMemory(size)
  new Uint8Array(decoder.memory.buffer).set(bytes, file)
  const pixels = decoder.decode(file, bytes.length, width, height) >>> 0
  if (pixels === 0) throw damagedPicture(FORMAT_NAMES[format], 'it gives two sizes')
  return new Uint8Array(decoder.memory.buffer, pixels, width * height * 3).slice()
}

/** A trap, told apart by what the decoder said before. */
function failureOf(decoder: Decoder, format: Format, size: Size, cause: unknown): TensorferryError {
  const why = decoder.failure()
  if (why === SHORT_OF_MEMORY) return outOfMemory(size, cause)
  // Pillow reads over some damage, and refuses other: this decoder refuses all.
  return damagedPicture(FORMAT_NAMES[format], why === DAMAGED ? 'its data are not whole' : 'its decoder fails', cause)
}

/**
 * Decodes a JPEG or lossy WebP with libjpeg-turbo or libwebp in WebAssembly, which is loaded with the first such file. What a
 * damaged file leaves in its memory goes with it.
 *
 * @param bytes - a file that `readImageHeader` took
 * @param size - what the file's head says, in pixels
 * @throws TensorferryError `INPUT_INVALID` for a damaged file, also for one that Pillow reads over; `DEPENDENCY_MISSING` when
 *   WebAssembly cannot be had; `OUT_OF_MEMORY`
 */
export async function decodeWithWasm(format: Format, bytes: Uint8Array, size: Size): Promise<Pixels> {
  checkWork(format, bytes, size)
  const decoder = kept.get(format) ?? (await instantiate(format))
  // Back when the file is done; one that fails leaves it as it is.
  kept.delete(format)
  const { width, height } = size
  try {
    const data = decode(decoder, format, bytes, size)
    if (decoder.memory.buffer.byteLength <= KEPT) kept.set(format, decoder)
    return { width, height, data }
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw failureOf(decoder, format, size, error)
    throw error
  }
}
