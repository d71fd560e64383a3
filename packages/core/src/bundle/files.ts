import type { LoadOptions, LocalFile } from '../backend.ts'
import { type ByteSource, sourceFromBlob, sourceFromBytes } from '../format/byte-source.ts'
import { isBytes } from '../tag-of.ts'

/** What is expected of a file; null: nobody says. */
export interface Expected {
  readonly size: number | null
  readonly sha256: string | null
}

/** Of content that nobody vouches for. */
export const UNCHECKED: Expected = { size: null, sha256: null }

/** Where a bundle's or a model's files come from: a folder, a URL, or memory. Paths are POSIX and checked by the caller. */
export interface Files {
  /** For messages: the folder, the URL without its query, or "memory". */
  readonly where: string
  /** On Node: how many files an artifact may have to be opened by path; one where they are named by their hash. Default: none. */
  readonly mostLocal?: number | undefined
  /** What went wrong without stopping anything; grows while files are read. */
  readonly warnings?: readonly string[]
  /** Whether the file is there; for a URL null: not known without asking. */
  has(path: string): Promise<boolean | null>
  /** Opens a file for reading. Its size is checked; its content before {@link OpenFile.bytes} hands it out. */
  open(path: string, expected: Expected, options?: LoadOptions): Promise<OpenFile>
  /** Newest content of a file nobody vouches for (a manifest, a bare model): revalidated where a cache holds it. */
  openLatest(path: string, options?: LoadOptions): Promise<OpenFile>
}

/** A file that is there. */
export interface OpenFile {
  /** To look into; on disk the content is not checked yet. */
  readonly source: ByteSource
  /** Checked content, a new buffer on every call. */
  bytes(options?: LoadOptions): Promise<Uint8Array<ArrayBuffer>>
  /** Where it lies on disk; the check of its content has begun. */
  openLocal?(options?: LoadOptions): LocalFile
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
    has: async (path) => contents.has(path),
    open,
    openLatest: (path, options) => open(path, UNCHECKED, options),
  }
}
