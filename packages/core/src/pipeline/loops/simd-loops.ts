import type { Coefficients } from '../steps/image/resample-coefficients.ts'
import type { PixelLoops } from './pixel-loops.ts'
import { SIMD_BINARY } from './simd-binary.ts'

/** The functions of wasm/resample.c; all pointers and sizes are numbers. */
interface Exports {
  readonly memory: WebAssembly.Memory
  readonly __heap_base: WebAssembly.Global
  horizontal(...args: readonly number[]): void
  vertical(...args: readonly number[]): void
}

const PAGE = 65_536
/** Bytes that the loops read or write after the end of what they were given. */
const SLACK = 16
/** The loops take so many weights at once; those after the last are zero. */
const WEIGHTS_AT_ONCE = 8
/** A weight is `high * 4096 + low`: see wasm/resample.c. */
const SPLIT = 12
/** Bytes of a picture that are worked on at once: they stay in the processor's cache, and the memory stays small. */
const AT_ONCE = 512 * 1024
/** Memory that is kept from one pass to the next, in bytes: it cannot shrink, so a larger one is given up. */
const KEPT = 8 * 1024 * 1024

/** Pieces of an instance's memory, one after the other, gone with the next pass. */
class Pieces {
  readonly #memory: WebAssembly.Memory
  #end: number

  constructor({ memory, __heap_base: base }: Exports) {
    this.#memory = memory
    this.#end = base.value as number
  }

  /** @returns the address of so many bytes, with room after them */
  reserve(bytes: number): number {
    const address = (this.#end + 15) & ~15
    this.#end = address + bytes + SLACK
    const missing = this.#end - this.#memory.buffer.byteLength
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE))
    return address
  }

  copy({ buffer, byteOffset, byteLength }: Int16Array | Int32Array): number {
    const address = this.reserve(byteLength)
    this.write(address, new Uint8Array(buffer, byteOffset, byteLength))
    return address
  }

  write(address: number, bytes: Uint8Array): void {
    new Uint8Array(this.#memory.buffer).set(bytes, address)
  }

  view(address: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, bytes)
  }
}

interface SplitWeights {
  readonly low: Int16Array
  readonly high: Int16Array
  readonly stride: number
}

function splitWeights({ starts, counts, weights, stride }: Coefficients): SplitWeights {
  const padded = Math.ceil(stride / WEIGHTS_AT_ONCE) * WEIGHTS_AT_ONCE
  const low = new Int16Array(starts.length * padded)
  const high = new Int16Array(starts.length * padded)
  for (let index = 0; index < starts.length; index++) {
    for (let tap = 0; tap < counts[index]!; tap++) {
      const weight = weights[index * stride + tap]!
      const lowPart = ((weight + (1 << (SPLIT - 1))) & ((1 << SPLIT) - 1)) - (1 << (SPLIT - 1))
      low[index * padded + tap] = lowPart
      high[index * padded + tap] = (weight - lowPart) >> SPLIT
    }
  }
  return { low, high, stride: padded }
}

/** Rows to work on at once, a multiple of the four that the loops take together. */
function rowsAtOnce(rowBytes: number): number {
  return Math.max(4, Math.floor(AT_ONCE / rowBytes / 4) * 4)
}

/** Addresses and stride of the weights, as both functions take them. */
function copyWeights(pieces: Pieces, coefficients: Coefficients, starts: Int32Array): readonly number[] {
  const { low, high, stride } = splitWeights(coefficients)
  return [pieces.copy(starts), pieces.copy(coefficients.counts), pieces.copy(low), pieces.copy(high), stride]
}

/**
 * Compiles the loops.
 *
 * @throws what WebAssembly throws where there is no SIMD, or a Content-Security-Policy forbids WebAssembly
 */
export async function compileSimdLoops(): Promise<PixelLoops> {
  const module = await WebAssembly.compile(Uint8Array.from(atob(SIMD_BINARY), (letter) => letter.charCodeAt(0)))
  let kept: Exports | null = null

  /** Runs one pass in an instance whose memory is free. */
  function run<T>(pass: (loops: Exports, pieces: Pieces) => T): T {
    const loops = kept ?? (new WebAssembly.Instance(module).exports as unknown as Exports)
    kept = null
    const result = pass(loops, new Pieces(loops))
    if (loops.memory.buffer.byteLength <= KEPT) kept = loops
    return result
  }

  return {
    horizontalPass: (source, rowBytes, firstRow, rows, channels, coefficients) =>
      run((loops, pieces) => {
        const width = coefficients.starts.length
        const outputRowBytes = width * channels
        const output = new Uint8Array(rows * outputRowBytes)
        const weights = copyWeights(pieces, coefficients, coefficients.starts)
        const atOnce = Math.min(rows, rowsAtOnce(rowBytes))
        const from = pieces.reserve(atOnce * rowBytes)
        const to = pieces.reserve(atOnce * outputRowBytes)
        for (let row = 0; row < rows; row += atOnce) {
          const count = Math.min(atOnce, rows - row)
          const at = (firstRow + row) * rowBytes
          pieces.write(from, source.subarray(at, at + count * rowBytes))
          loops.horizontal(from, rowBytes, count, channels, width, ...weights, to)
          output.set(pieces.view(to, count * outputRowBytes), row * outputRowBytes)
        }
        return output
      }),
    verticalPass: (source, sourceRowBytes, firstByte, rowBytes, firstRow, coefficients) =>
      run((loops, pieces) => {
        const { starts, counts } = coefficients
        const height = starts.length
        const output = new Uint8Array(height * rowBytes)
        const [addressOfStarts, ...weights] = copyWeights(pieces, coefficients, starts)
        // Starts and ends never decrease.
        const endOf = (y: number): number => starts[y]! + counts[y]!
        const atOnce = rowsAtOnce(rowBytes)
        const span = Math.max(atOnce, coefficients.stride)
        const from = pieces.reserve(Math.min(span, endOf(height - 1) - starts[0]!) * rowBytes)
        const to = pieces.reserve(Math.min(atOnce, height) * rowBytes)
        for (let y = 0, next = 0; y < height; y = next) {
          const first = starts[y]!
          for (next = y + 1; next < height && next - y < atOnce && endOf(next) - first <= span; ) next++
          for (let row = first; row < endOf(next - 1); row++) {
            const at = (row - firstRow) * sourceRowBytes + firstByte
            pieces.write(from + (row - first) * rowBytes, source.subarray(at, at + rowBytes))
          }
          loops.vertical(from, rowBytes, first, y, next, addressOfStarts!, ...weights, to)
          output.set(pieces.view(to, (next - y) * rowBytes), y * rowBytes)
        }
        return output
      }),
  }
}
