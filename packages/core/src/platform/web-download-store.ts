import type { DownloadOrigin, DownloadStore, Remembered, StoredFile } from '../bundle/url-files.ts'
import type { LocateOptions } from './platform.ts'
import { cachePlace, type Place } from './web-cache-place.ts'
import type { MemoryParts } from './web-memory-store.ts'
import { type Draft, Shelf, type Whole } from './web-shelf.ts'

/**
 * Downloads in the browser's storage, in parts, so that one that breaks off is gone on with, by this tab or another.
 *
 * @param downloads - where; without room or leave they stay in memory, and `warnings` says so
 */
export async function webDownloadStore(
  downloads: LocateOptions['downloads'],
  { gather, memoryStore, noStorage, sha256, storedFile }: MemoryParts,
): Promise<DownloadStore> {
  const warnings: string[] = []
  let index: Place
  try {
    index = await cachePlace()
  } catch (error) {
    return memoryStore([noStorage((error as Error).message)])
  }
  const shelf = new Shelf(index, downloads, sha256)
  const warnOfRoom = (url: string, { name, message }: Error): void => {
    const { origin, pathname } = new URL(url)
    warnings.push(
      `${origin}${pathname} is not kept and will be fetched again (${name}: ${message}); ` +
        'free storage of this site, such as with clearDownloads()',
    )
  }

  const put = async (chunks: AsyncIterable<Uint8Array>, origin: DownloadOrigin): Promise<StoredFile> => {
    const key = await shelf.keyOf('broken', origin.url)
    /** null: there is no room, and the rest stays in memory. */
    let draft: Draft | null = null
    const parts: Blob[] = []
    const giveUp = async (error: Error): Promise<void> => {
      warnOfRoom(origin.url, error)
      await shelf.remove(key).catch(() => undefined)
      draft = null
    }
    const begin = async (): Promise<void> => {
      draft = await shelf.begin(key, origin)
      if (origin.resumed > 0) parts.push(...(await shelf.readParts(draft, (await shelf.measure(draft)).length)))
    }
    // Beside the reading: a stream that breaks takes along what nobody has read of it.
    let writing = begin().catch(giveUp)
    const write = async (part: Blob): Promise<void> => {
      parts.push(part)
      if (draft) await shelf.writePart(draft, parts.length - 1, part)
    }
    try {
      await gather(chunks, (part) => {
        writing = writing.then(() => write(part)).catch(giveUp)
      })
    } finally {
      await writing
    }
    const blob = new Blob(parts)
    const hash = await sha256(blob)
    if (draft) {
      const whole: Whole = { ...(draft as Draft), size: blob.size, parts: parts.length }
      const name = `files/${hash}`
      try {
        await shelf.removeParts(await shelf.load<Draft>(name))
        await shelf.save(name, whole)
        await index.remove(key)
        // What is read from the storage takes no memory as long as the model is there.
        const stored = new Blob(await shelf.readParts(whole, whole.parts))
        if (stored.size === blob.size) return storedFile(stored, hash)
      } catch (error) {
        await giveUp(error as Error)
      }
    }
    return storedFile(blob, hash)
  }

  return {
    warnings,
    put,
    async get(hash) {
      const name = `files/${hash}`
      const whole = await shelf.load<Whole>(name)
      if (!whole) return null
      const blob = new Blob(await shelf.readParts(whole, whole.parts))
      // Only whole parts are ever written, so the size tells whether any is gone.
      if (blob.size === whole.size) return storedFile(blob, hash)
      await shelf.remove(name)
      return null
    },
    delete: (hash) => shelf.remove(`files/${hash}`),
    recall: async (url) => shelf.load<Remembered>(await shelf.keyOf('urls', url)),
    async remember(url, entry) {
      const key = await shelf.keyOf('urls', url)
      const before = await shelf.load<Remembered>(key)
      if (before && before.sha256 !== entry.sha256) await shelf.remove(`files/${before.sha256}`)
      await shelf.save(key, entry).catch((error) => warnOfRoom(url, error))
    },
    async findBroken(url) {
      const draft = await shelf.load<Draft>(await shelf.keyOf('broken', url))
      if (!draft || draft.etag === null) return null
      const size = await shelf.total(draft)
      return size > 0 ? { etag: draft.etag, size } : null
    },
    async exclusively(url, work, options) {
      if (!navigator.locks) return work()
      const signal = options?.signal
      return navigator.locks.request(`tensorferry-download ${url}`, signal ? { signal } : {}, work) as ReturnType<
        typeof work
      >
    },
    list: async () => (await import('./web-kept-downloads.ts')).listKept(shelf),
    clear: async (url) => (await import('./web-kept-downloads.ts')).clearKept(shelf, url),
  }
}
