import type { Download, DownloadOrigin, DownloadStore, Remembered, StoredFile } from '../bundle/url-files.ts'
import { sourceFromBlob } from '../format/byte-source.ts'
import type { LocateOptions } from './platform.ts'
import { cachePlace, opfsPlace, type Place } from './web-places.ts'
import { sha256 } from './web-sha256.ts'

/** Bytes; what is lost at most when a tab is closed. */
const PART = 2 ** 22
/** Bytes; larger files lie in the origin's private file system. */
const LARGE = 2 ** 31

type PlaceName = 'cache' | 'opfs'

/** A file in parts, `parts/ID/0` and so on: nothing can be added to an entry of the Cache API. */
interface Draft {
  readonly id: string
  readonly place: PlaceName
  readonly url: string
  readonly etag: string | null
}
interface Whole extends Draft {
  readonly size: number
  readonly parts: number
}

const partOf = (id: string, index: number): string => `parts/${id}/${index}`

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

/** Keeps nothing: each download stays in memory until its reader is done with it. */
function memoryStore(warnings: string[]): DownloadStore {
  return {
    onDisk: false,
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
 * Downloads in the browser's storage, in parts, so that one that breaks off is gone on with, by this tab or another.
 *
 * @param downloads - where; without room or leave they stay in memory, and `warnings` says so
 */
export async function webDownloadStore(downloads: LocateOptions['downloads'] = 'cache'): Promise<DownloadStore> {
  const warnings: string[] = []
  if (downloads === 'memory') return memoryStore(warnings)
  let index: Place
  try {
    index = await cachePlace()
  } catch (error) {
    const reason = typeof caches === 'undefined' ? 'the page needs https' : (error as Error).message
    warnings.push(`downloads are not kept: the browser gives no storage here (${reason})`)
    return memoryStore(warnings)
  }
  const places = new Map<PlaceName, Promise<Place>>([['cache', Promise.resolve(index)]])
  const placeOf = (name: PlaceName): Promise<Place> => {
    if (!places.has(name)) places.set(name, opfsPlace())
    return places.get(name)!
  }
  const warnOfRoom = (url: string, error: unknown): void => {
    const { origin, pathname } = new URL(url)
    warnings.push(
      `${origin}${pathname} is not kept and will be fetched again (${(error as Error).name}: ${(error as Error).message}); ` +
        'free storage of this site, such as with clearDownloads()',
    )
  }

  const load = async <T>(name: string): Promise<T | null> => {
    const found = await index.read(name)
    return found ? (JSON.parse(await found.text()) as T) : null
  }
  const save = (name: string, value: unknown): Promise<void> => index.write(name, new Blob([JSON.stringify(value)]))
  const keyOf = async (kind: string, url: string): Promise<string> =>
    `${kind}/${await sha256(new TextEncoder().encode(url))}`

  /** Sizes of the parts that are there, in order. */
  const measure = async ({ id, place }: Draft): Promise<number[]> => {
    const sizes: number[] = []
    for (;;) {
      const size = await (await placeOf(place)).size(partOf(id, sizes.length))
      if (size === null) return sizes
      sizes.push(size)
    }
  }
  const readParts = async ({ id, place }: Draft, count: number): Promise<Blob[]> => {
    const where = await placeOf(place)
    const parts: Blob[] = []
    for (let part = 0; part < count; part++) parts.push((await where.read(partOf(id, part))) ?? new Blob())
    return parts
  }
  const removeParts = async (draft: Draft | null): Promise<void> => {
    if (!draft) return
    const { length } = await measure(draft)
    for (let part = 0; part < length; part++) await (await placeOf(draft.place)).remove(partOf(draft.id, part))
  }
  const remove = async (name: string): Promise<void> => {
    await removeParts(await load<Draft>(name))
    await index.remove(name)
  }
  const total = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0)

  /** The draft to go on with, or a new one. */
  const beginDraft = async (key: string, { url, etag, resumed, total: size }: DownloadOrigin): Promise<Draft> => {
    const broken = await load<Draft>(key)
    if (broken && resumed > 0) return broken
    await removeParts(broken)
    const place = downloads === 'opfs' || (size ?? 0) > LARGE ? 'opfs' : 'cache'
    const draft: Draft = { id: crypto.randomUUID(), place, url, etag }
    await save(key, draft)
    return draft
  }

  const put = async (chunks: AsyncIterable<Uint8Array>, origin: DownloadOrigin): Promise<StoredFile> => {
    const key = await keyOf('broken', origin.url)
    /** null: there is no room, and the rest stays in memory. */
    let draft: Draft | null = null
    const parts: Blob[] = []
    const giveUp = async (error: unknown): Promise<void> => {
      warnOfRoom(origin.url, error)
      await remove(key).catch(() => undefined)
      draft = null
    }
    const begin = async (): Promise<void> => {
      draft = await beginDraft(key, origin)
      if (origin.resumed > 0) parts.push(...(await readParts(draft, (await measure(draft)).length)))
    }
    // Beside the reading: a stream that breaks takes along what nobody has read of it.
    let writing = begin().catch(giveUp)
    const write = async (part: Blob): Promise<void> => {
      parts.push(part)
      if (!draft) return
      const { id, place } = draft
      await (await placeOf(place)).write(partOf(id, parts.length - 1), part)
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
        await removeParts(await load<Draft>(name))
        await save(name, whole)
        await index.remove(key)
      } catch (error) {
        await giveUp(error)
      }
    }
    return storedFile(blob, hash)
  }

  return {
    onDisk: false,
    warnings,
    put,
    async get(hash) {
      const whole = await load<Whole>(`files/${hash}`)
      if (!whole) return null
      const blob = new Blob(await readParts(whole, whole.parts))
      // Only whole parts are ever written, so the size tells whether any is gone.
      if (blob.size === whole.size) return storedFile(blob, hash)
      await remove(`files/${hash}`)
      return null
    },
    delete: (hash) => remove(`files/${hash}`),
    recall: async (url) => load<Remembered>(await keyOf('urls', url)),
    async remember(url, entry) {
      const key = await keyOf('urls', url)
      const before = await load<Remembered>(key)
      if (before && before.sha256 !== entry.sha256) await remove(`files/${before.sha256}`)
      await save(key, entry).catch((error) => warnOfRoom(url, error))
    },
    async findBroken(url) {
      const draft = await load<Draft>(await keyOf('broken', url))
      if (!draft || draft.etag === null) return null
      const size = total(await measure(draft))
      return size > 0 ? { etag: draft.etag, size } : null
    },
    async exclusively(url, work, options) {
      if (!navigator.locks) return work()
      const signal = options?.signal
      return navigator.locks.request(`tensorferry-download ${url}`, signal ? { signal } : {}, work) as ReturnType<
        typeof work
      >
    },
    async list() {
      const downloads: Download[] = []
      for (const name of await index.names()) {
        const [kind, hash] = name.split('/')
        const entry = kind === 'files' || kind === 'broken' ? await load<Whole>(name) : null
        if (!entry) continue
        const isWhole = kind === 'files'
        const size = isWhole ? entry.size : total(await measure(entry))
        downloads.push({ url: entry.url, sha256: isWhole ? hash! : null, size })
      }
      return downloads
    },
    async clear(url) {
      if (url === undefined) {
        await index.clear()
        const opfs = await placeOf('opfs').catch(() => null)
        return opfs?.clear()
      }
      for (const name of await index.names()) {
        const isFile = name.startsWith('files/') || name.startsWith('broken/')
        if (isFile && (await load<Draft>(name))?.url === url) await remove(name)
      }
      await index.remove(await keyOf('urls', url))
    },
  }
}
