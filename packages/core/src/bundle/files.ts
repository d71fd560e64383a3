import type { LoadOptions } from '../backend.ts'
import { type ByteSource, sourceFromBlob, sourceFromBytes } from '../format/byte-source.ts'
import { isBytes } from '../tag-of.ts'

/** What is expected of a file; null: nobody says. */
export interface Expected {
  readonly size: number | null
  readonly sha256: string | null
}

/** Where a bundle's or a model's files come from: a folder, a URL, or memory. Paths are POSIX and checked by the caller. */
export interface Files {
  /** For messages: the folder, the URL without its query, or "memory". */
  readonly where: string
  /** Files lie on disk: `localPath` is there. */
  readonly onDisk: boolean
  /** They lie there under their own names, siblings beside them. */
  readonly keepsNames: boolean
  /** What went wrong without stopping anything; grows while files are read. */
  readonly warnings?: readonly string[]
  /** Whether the file is there; for a URL null: not known without asking. */
  has(path: string): Promise<boolean | null>
  /** Opens a file for reading. Content is checked against `expected` before the first byte is handed out. */
  open(path: string, expected: Expected, options?: LoadOptions): Promise<OpenFile>
  /** Newest content of a file nobody vouches for (a manifest, a bare model): revalidated where a cache holds it. */
  openLatest(path: string, options?: LoadOptions): Promise<OpenFile>
}

/** A checked file. */
export interface OpenFile {
  readonly source: ByteSource
  /** A new buffer on every call. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>
  /** Absolute path, when {@link Files.onDisk}. */
  readonly localPath?: string
}

/** Words for a file that is missing or wrong. */
export const fileErrors = () => import('./file-errors.ts')

/** Files in memory by path. */
export function memoryFiles(
  contents: ReadonlyMap<string, Uint8Array | Blob>,
  check: (content: Uint8Array | Blob, path: string, expected: Expected, options?: LoadOptions) => Promise<void>,
): Files {
  const open = async (path: string, expected: Expected, options?: LoadOptions): Promise<OpenFile> => {
    const content = contents.get(path)
    if (content === undefined) throw (await fileErrors()).notInMap(path, [...contents.keys()])
    await check(content, path, expected, options)
    const isBlob = !isBytes(content)
    return {
      source: isBlob ? sourceFromBlob(content) : sourceFromBytes(content),
      bytes: async () => new Uint8Array(isBlob ? await content.arrayBuffer() : content),
    }
  }
  return {
    where: 'memory',
    onDisk: false,
    keepsNames: false,
    has: async (path) => contents.has(path),
    open,
    openLatest: (path, options) => open(path, { size: null, sha256: null }, options),
  }
}
