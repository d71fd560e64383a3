import type { DownloadStore, StoredFile } from '../bundle/url-files.ts'
import { sourceFromBlob } from '../format/byte-source.ts'
import { sha256 } from './web-sha256.ts'

/** Bytes; what is lost at most when a tab is closed. */
const PART = 2 ** 22

/** A downloaded file as its reader sees it. */
function storedFile(blob: Blob, hash: string): StoredFile {
  return {
    source: sourceFromBlob(blob),
    bytes: async () => new Uint8Array(await blob.arrayBuffer()),
    size: blob.size,
    sha256: hash,
  }
}

/** Pieces of a stream, gathered to parts. The last one comes also when the stream breaks. */
async function gather(chunks: AsyncIterable<Uint8Array>, take: (part: Blob) => void): Promise<void> {
  let pieces: BlobPart[] = []
  let size = 0
  const pass = (): void => {
    if (size > 0) take(new Blob(pieces))
    pieces = []
    size = 0
  }
  try {
    for await (const chunk of chunks) {
      pieces.push(chunk as Uint8Array<ArrayBuffer>)
      size += chunk.byteLength
      if (size >= PART) pass()
    }
  } finally {
    pass()
  }
}

/** The warning of a load whose downloads are not kept. */
export function noStorage(reason: string): string {
  return `downloads are not kept: the browser gives no storage here (${reason})`
}

/** Keeps nothing: each download stays in memory until its reader is done with it. */
export function memoryStore(warnings: string[]): DownloadStore {
  return {
    warnings,
    get: async () => null,
    async put(chunks) {
      const parts: Blob[] = []
      await gather(chunks, (part) => parts.push(part))
      const blob = new Blob(parts)
      return storedFile(blob, await sha256(blob))
    },
    delete: async () => undefined,
    recall: async () => null,
    remember: async () => undefined,
    list: async () => [],
    clear: async () => undefined,
  }
}

/**
 * What a store that keeps its files is made of too. It is handed them: a module that the app's first file and a later one
 * both import would get a file of its own.
 */
export const memoryParts = { gather, memoryStore, noStorage, sha256, storedFile }

/** What {@link memoryParts} are. */
export type MemoryParts = typeof memoryParts
