import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export * from './generated-pictures.ts'

/** Where the goldens lie. */
export const GOLDENS = new URL('../goldens/pipeline/', import.meta.url)

/** Rows of a golden file, and its other fields. */
export function readGoldens<Row extends unknown[], More = unknown>(name: string): { cases: Row[] } & More {
  return JSON.parse(readFileSync(new URL(name, GOLDENS), 'utf8')) as { cases: Row[] } & More
}

/** First 16 hex digits of the sha256 of all the bytes. */
export function digest(...parts: (ArrayBufferView | string)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    hash.update(
      typeof part === 'string' ? part : new Uint8Array(part.buffer as ArrayBuffer, part.byteOffset, part.byteLength),
    )
  }
  return hash.digest('hex').slice(0, 16)
}

/** The files of a container (decode.bin, decode_rare.bin), each after its length. */
export function* readContainer(name: string): Generator<Uint8Array<ArrayBuffer>> {
  const container = new Uint8Array(readFileSync(new URL(name, GOLDENS)))
  const view = new DataView(container.buffer)
  for (let at = 0; at < container.length; ) {
    const length = view.getUint32(at, true)
    yield container.slice(at + 4, at + 4 + length)
    at += 4 + length
  }
}
