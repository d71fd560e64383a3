import type { DownloadOrigin } from '../bundle/url-files.ts'
import type { LocateOptions } from './platform.ts'
import { type Place, STORAGE_NAME } from './web-cache-place.ts'
import type { MemoryParts } from './web-memory-store.ts'

/** Bytes; larger files lie in the origin's private file system. */
const LARGE = 2 ** 31

type PlaceName = 'cache' | 'opfs'

/** A file in parts, `parts/ID/0` and so on: nothing can be added to an entry of the Cache API. */
export interface Draft {
  readonly id: string
  readonly place: PlaceName
  readonly url: string
  readonly etag: string | null
}

/** A file of which all parts are there. */
export interface Whole extends Draft {
  readonly size: number
  readonly parts: number
}

const partOf = (id: string, index: number): string => `parts/${id}/${index}`

/** Files in parts and what is known of them: `files/SHA256`, `broken/URL` and `urls/URL`, the URLs hashed. */
export class Shelf {
  readonly index: Place
  readonly #downloads: LocateOptions['downloads']
  readonly #sha256: MemoryParts['sha256']
  #opfs: Promise<Place> | undefined

  constructor(index: Place, downloads: LocateOptions['downloads'], sha256: MemoryParts['sha256']) {
    this.index = index
    this.#downloads = downloads
    this.#sha256 = sha256
  }

  place(name: PlaceName): Promise<Place> | Place {
    if (name === 'cache') return this.index
    this.#opfs ??= import('./web-opfs-place.ts').then(({ opfsPlace }) => opfsPlace(STORAGE_NAME))
    return this.#opfs
  }

  async load<T>(name: string): Promise<T | null> {
    const found = await this.index.read(name)
    return found ? (JSON.parse(await found.text()) as T) : null
  }

  save(name: string, value: unknown): Promise<void> {
    return this.index.write(name, new Blob([JSON.stringify(value)]))
  }

  async keyOf(kind: 'broken' | 'urls', url: string): Promise<string> {
    return `${kind}/${await this.#sha256(new TextEncoder().encode(url))}`
  }

  /** Sizes of the parts that are there, in order; bytes. */
  async measure({ id, place }: Draft): Promise<number[]> {
    const where = await this.place(place)
    const sizes: number[] = []
    for (;;) {
      const size = await where.size(partOf(id, sizes.length))
      if (size === null) return sizes
      sizes.push(size)
    }
  }

  async total(draft: Draft): Promise<number> {
    return (await this.measure(draft)).reduce((sum, size) => sum + size, 0)
  }

  async readParts({ id, place }: Draft, count: number): Promise<Blob[]> {
    const where = await this.place(place)
    const parts: Blob[] = []
    for (let part = 0; part < count; part++) parts.push((await where.read(partOf(id, part))) ?? new Blob())
    return parts
  }

  async writePart({ id, place }: Draft, part: number, content: Blob): Promise<void> {
    await (await this.place(place)).write(partOf(id, part), content)
  }

  async removeParts(draft: Draft | null): Promise<void> {
    if (!draft) return
    const where = await this.place(draft.place)
    const { length } = await this.measure(draft)
    for (let part = 0; part < length; part++) await where.remove(partOf(draft.id, part))
  }

  async remove(name: string): Promise<void> {
    await this.removeParts(await this.load<Draft>(name))
    await this.index.remove(name)
  }

  /** The draft to go on with, or a new one. */
  async begin(key: string, { url, etag, resumed, total }: DownloadOrigin): Promise<Draft> {
    const broken = await this.load<Draft>(key)
    if (broken && resumed > 0) return broken
    await this.removeParts(broken)
    const place = this.#downloads === 'opfs' || (total ?? 0) > LARGE ? 'opfs' : 'cache'
    const draft: Draft = { id: crypto.randomUUID(), place, url, etag }
    await this.save(key, draft)
    return draft
  }
}
