import { TensorferryError } from '../errors.ts'
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

/** What both libraries export; addresses and sizes are numbers. */
interface Exports {
  readonly memory: WebAssembly.Memory
  malloc(bytes: number): number
  free(address: number): void
}
interface LibjpegTurbo extends Exports {
  tjInitDecompress(): number
  tjDecompressHeader3(decoder: number, file: number, length: number, ...results: readonly number[]): number
  tjDecompress2(decoder: number, file: number, length: number, pixels: number, ...layout: readonly number[]): number
  tjDestroy(decoder: number): void
}
interface Libwebp extends Exports {
  WebPDecodeRGBA(file: number, length: number, width: number, height: number): number
}

const NAMES = { jpeg: 'JPEG', webp: 'WebP' } as const
const TEXTS = {
  jpeg: () => import('@cwasm/jpeg-turbo/jpeg-turbo.wasm'),
  webp: () => import('@cwasm/webp/webp.wasm'),
} as const

/** As libjpeg-turbo itself counts: a small file of countless scans would take hours. */
const MOST_SCANS = 500
/** Memory that is kept for the next file, in bytes: room for a phone's photo. It cannot shrink, so a larger one is given up. */
const KEPT = 64 * 1024 * 1024
/** Memory has no address after this. */
const MOST_BYTES = 2 ** 32

const compiled = new Map<Format, Promise<WebAssembly.Module>>()
/** Instances that no file uses. Some browsers give a page few memories. */
const kept = new Map<Format, LibjpegTurbo & Libwebp>()

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
      `decode_image: this browser's own decoder does not give Pillow's pixels of this ${NAMES[format]}, and the one in WebAssembly could not be loaded; allow it with script-src 'wasm-unsafe-eval' in the Content-Security-Policy, or pass pixels { width, height, data }, or send a PNG`,
      { cause, details: { format } },
    )
  })
}

/** @returns the address of so many bytes */
function reserve(library: Exports, bytes: number, { width, height }: Size): number {
  const address = bytes < MOST_BYTES ? library.malloc(bytes) >>> 0 : 0
  if (address !== 0) return address
  throw new TensorferryError('OUT_OF_MEMORY', `no memory could be had for a picture of ${width} x ${height} pixels`)
}

/** The libraries do not say that memory is short: what they will ask for is asked for first. */
function requireMemory(library: Exports, bytes: number, size: Size): void {
  library.free(reserve(library, bytes, size))
}

function copyIn(library: Exports, bytes: Uint8Array, size: Size): number {
  const address = reserve(library, bytes.length, size)
  new Uint8Array(library.memory.buffer).set(bytes, address)
  return address
}

/** The address of two zeros, for width and height. */
function reserveSize(library: Exports, size: Size): number {
  return copyIn(library, new Uint8Array(16), size)
}

function requireSize(library: Exports, address: number, format: Format, { width, height }: Size): void {
  const read = new Uint32Array(library.memory.buffer, address, 2)
  if (read[0] !== width || read[1] !== height) throw damagedPicture(NAMES[format], 'it gives two sizes')
}

function countScans(bytes: Uint8Array): number {
  let scans = 0
  for (let at = bytes.indexOf(0xff); at !== -1; at = bytes.indexOf(0xff, at + 1)) if (bytes[at + 1] === 0xda) scans++
  return scans
}

function decodeJpeg(library: LibjpegTurbo, bytes: Uint8Array, size: Size): Uint8Array<ArrayBuffer> {
  const { width, height } = size
  const scans = countScans(bytes)
  if (scans > MOST_SCANS) throw damagedPicture('JPEG', `it has ${scans} scans`)
  const pixels = reserve(library, width * height * 3, size)
  const file = copyIn(library, bytes, size)
  const results = reserveSize(library, size)
  // Several scans meet in memory: two bytes for each value of three channels, of whole blocks.
  if (scans > 1) requireMemory(library, (width + 32) * (height + 32) * 6, size)
  const decoder = library.tjInitDecompress()
  // It objects to rare sampling, which is decoded none the less.
  library.tjDecompressHeader3(decoder, file, bytes.length, results, results + 4, results + 8, results + 12)
  requireSize(library, results, 'jpeg', size)
  const status = library.tjDecompress2(decoder, file, bytes.length, pixels, width, width * 3, height, 0, 0)
  // Pillow reads over some damage, and refuses other; which, this library does not say.
  if (status !== 0) throw damagedPicture('JPEG', 'its data are not whole')
  const data = new Uint8Array(library.memory.buffer, pixels, width * height * 3).slice()
  library.tjDestroy(decoder)
  for (const address of [pixels, file, results]) library.free(address)
  return data
}

function decodeWebp(library: Libwebp, bytes: Uint8Array, size: Size): Uint8Array<ArrayBuffer> {
  const count = size.width * size.height
  const file = copyIn(library, bytes, size)
  const results = reserveSize(library, size)
  requireMemory(library, count * 4 + 32 * (size.width + size.height), size)
  const address = library.WebPDecodeRGBA(file, bytes.length, results, results + 4) >>> 0
  if (address === 0) throw damagedPicture('WebP', 'its data are not whole')
  requireSize(library, results, 'webp', size)
  const pixels = new Uint8Array(library.memory.buffer, address, count * 4)
  const data = new Uint8Array(count * 3)
  for (let at = 0, out = 0; at < pixels.length; at += 4, out += 3) {
    data[out] = pixels[at]!
    data[out + 1] = pixels[at + 1]!
    data[out + 2] = pixels[at + 2]!
  }
  for (const taken of [address, file, results]) library.free(taken)
  return data
}

/** What the libraries import. `longjmp` is how libjpeg gives up; all else is for files and processes, which there are none of. */
function importsOf(module: WebAssembly.Module, format: Format): WebAssembly.Imports {
  const giveUp = (): never => {
    throw damagedPicture(NAMES[format], 'its decoder gives up')
  }
  const imports: Record<string, Record<string, () => number>> = {}
  for (const { module: group, name } of WebAssembly.Module.imports(module)) {
    imports[group] ??= {}
    imports[group][name] = name === 'setjmp' || name === 'environ_sizes_get' ? () => 0 : giveUp
  }
  return imports
}

async function instantiate(format: Format): Promise<LibjpegTurbo & Libwebp> {
  const module = await moduleOf(format)
  const { exports } = await WebAssembly.instantiate(module, importsOf(module, format))
  return exports as unknown as LibjpegTurbo & Libwebp
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
  const library = kept.get(format) ?? (await instantiate(format))
  // Back when the file is done; one that fails leaves it as it is.
  kept.delete(format)
  const { width, height } = size
  try {
    const data = format === 'jpeg' ? decodeJpeg(library, bytes, size) : decodeWebp(library, bytes, size)
    if (library.memory.buffer.byteLength <= KEPT) kept.set(format, library)
    return { width, height, data }
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw damagedPicture(NAMES[format], 'its decoder fails', error)
    throw error
  }
}
