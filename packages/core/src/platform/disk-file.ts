import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { type FileHandle, stat } from 'node:fs/promises'
import type { LoadOptions, LocalFile } from '../backend.ts'
import type { Expected, OpenFile } from '../bundle/files.ts'
import { requireSha256, requireSize } from '../bundle/integrity.ts'
import { throwIfAborted } from '../call.ts'
import { TensorferryError } from '../errors.ts'
import type { ByteSource } from '../format/byte-source.ts'
import { openRegular, requireRegular } from './regular-file.ts'

/** Bytes of one read: hashing them takes the event loop a few milliseconds. */
const PIECE = 2 << 20

/** Bytes up to which a file is hashed before a runtime parses it, not beside that: nobody notices the time. */
const HASHED_FIRST = 32 << 20

/** Every write, rename or replacement changes one of these; the last cannot be set by a program. */
const MARKS = ['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const

type Mark = Pick<BigIntStats, (typeof MARKS)[number]>

const isSame = (one: Mark, other: Mark): boolean => MARKS.every((part) => one[part] === other[part])

/**
 * Reads a file piece by piece; each is looked at while the next one is read.
 *
 * @param placeOf - where a piece is to be written
 * @returns whether there were `size` bytes
 */
async function readPieces(
  handle: FileHandle,
  size: number,
  placeOf: (offset: number, length: number) => Uint8Array,
  look: (piece: Uint8Array, loaded: number) => void,
): Promise<boolean> {
  let last: Uint8Array | null = null
  for (let at = 0; at < size; ) {
    const place = placeOf(at, Math.min(PIECE, size - at))
    const reading = handle.read(place, 0, place.length, at)
    // Awaited below, unless what looks throws.
    reading.catch(() => undefined)
    if (last) look(last, at)
    const { bytesRead } = await reading
    if (bytesRead === 0) return false
    last = place.subarray(0, bytesRead)
    at += bytesRead
  }
  if (last) look(last, size)
  return true
}

/** Room for a piece that is hashed and one that is read. */
function twoPlaces(): (offset: number, length: number) => Uint8Array {
  const places = [new Uint8Array(PIECE), new Uint8Array(PIECE)]
  let turn = 0
  return (_, length) => places[turn++ % 2]!.subarray(0, length)
}

/** sha256 of a file, read in pieces: the event loop turns between them. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  const handle = await openRegular(path)
  try {
    const { size } = await handle.stat()
    await readPieces(handle, size, twoPlaces(), (piece) => hash.update(piece))
    return hash.digest('hex')
  } finally {
    await handle.close()
  }
}

/**
 * A file on disk, held to what it was when it was opened here: content that was written, moved or put in its place later
 * is an error, never read as if it had been checked. Nothing is left to close.
 */
export class DiskFile implements OpenFile {
  readonly source: ByteSource
  readonly #path: string
  readonly #name: string
  readonly #expected: Expected
  readonly #mark: Mark
  readonly #onProgress: LoadOptions['onProgress']
  #hashed: Promise<void> | null = null

  private constructor(path: string, name: string, expected: Expected, mark: Mark, options?: LoadOptions) {
    this.#path = path
    this.#name = name
    this.#expected = expected
    this.#mark = mark
    this.#onProgress = options?.onProgress
    this.source = {
      size: Number(mark.size),
      read: (offset, length) =>
        this.#use(async (handle) => {
          const bytes = new Uint8Array(length)
          let read = 0
          while (read < length) {
            const { bytesRead } = await handle.read(bytes, read, Math.min(length - read, 1 << 30), offset + read)
            if (bytesRead === 0) break
            read += bytesRead
          }
          return bytes.subarray(0, read)
        }),
    }
  }

  /**
   * @param path - absolute, of a file
   * @param name - for messages
   * @param options - whose `onProgress` is told of a check that nobody else follows
   * @throws TensorferryError `INTEGRITY_FAILED` when its size is another, or a small one's content; what `stat` throws
   */
  static async open(path: string, name: string, expected: Expected, options?: LoadOptions): Promise<DiskFile> {
    const found = await stat(path, { bigint: true })
    requireRegular(found, path)
    const file = new DiskFile(path, name, expected, found, options)
    const { size } = file.source
    if (expected.size !== null && expected.size !== size) await requireSize(name, expected, size, await file.#head())
    if (size <= HASHED_FIRST) await file.#hash(options)
    return file
  }

  async bytes(options?: LoadOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#use(async (handle) => {
      const bytes = new Uint8Array(this.source.size)
      const isListed = this.#expected.sha256 !== null
      const check = isListed ? this.#hashing(options) : null
      const isWhole = await readPieces(
        handle,
        bytes.length,
        (offset, length) => bytes.subarray(offset, offset + length),
        (piece, loaded) => check?.look(piece, loaded),
      )
      if (!isWhole) throw this.#changed()
      if (check) await requireSha256(this.#name, this.#expected, check.digest(), bytes.subarray(0, 64))
      else await this.#requireSame(handle)
      return bytes
    })
  }

  openLocal(options?: LoadOptions): LocalFile {
    const hashed = this.#hash(options)
    return {
      path: this.#path,
      source: this.source,
      confirm: async () => {
        await hashed
        await this.#requireSame()
      },
    }
  }

  /** Begins to hash, once: who asks later waits for the same. */
  #hash(options?: LoadOptions): Promise<void> {
    if (this.#hashed) return this.#hashed
    const hashed = this.#expected.sha256 === null ? Promise.resolve() : this.#requireHash(options)
    this.#hashed = hashed
    hashed.catch(() => {
      // An aborted one says nothing of the file.
      this.#hashed = null
    })
    return hashed
  }

  #requireHash(options?: LoadOptions): Promise<void> {
    return this.#use(async (handle) => {
      const check = this.#hashing(options)
      if (!(await readPieces(handle, this.source.size, twoPlaces(), check.look))) throw this.#changed()
      await requireSha256(this.#name, this.#expected, check.digest(), await this.#head())
    })
  }

  #hashing(options?: LoadOptions): { look(piece: Uint8Array, loaded: number): void; digest(): string } {
    const hash = createHash('sha256')
    const report = options?.onProgress ?? this.#onProgress
    return {
      look: (piece, loaded) => {
        throwIfAborted(options)
        hash.update(piece)
        report?.({ phase: 'verify', file: this.#name, loaded, total: this.source.size })
      },
      digest: () => hash.digest('hex'),
    }
  }

  #head(): Promise<Uint8Array> {
    return this.source.read(0, Math.min(64, this.source.size))
  }

  async #use<T>(work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const handle = await openRegular(this.#path)
    try {
      await this.#requireSame(handle)
      return await work(handle)
    } finally {
      await handle.close()
    }
  }

  async #requireSame(handle?: FileHandle): Promise<void> {
    const now = await (handle ? handle.stat({ bigint: true }) : stat(this.#path, { bigint: true }).catch(() => null))
    if (!now || !isSame(this.#mark, now)) throw this.#changed()
  }

  #changed(): TensorferryError {
    return new TensorferryError(
      'INTEGRITY_FAILED',
      `${this.#name}: the file was changed, moved or replaced while it was being loaded; load it again once it is written, and put a new version beside the old one`,
      { details: { path: this.#name } },
    )
  }
}
