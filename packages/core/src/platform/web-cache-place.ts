/** Names in the Cache API have to be URLs; no such host exists. */
const BASE = 'https://tensorferry.invalid/'
/** Of the cache and of the folder. */
export const STORAGE_NAME = 'tensorferry-1'

/** A place where a browser keeps named blobs. */
export interface Place {
  read(name: string): Promise<Blob | null>
  /** Bytes; null: it is not there. */
  size(name: string): Promise<number | null>
  /** Rejects when there is no room. */
  write(name: string, content: Blob): Promise<void>
  remove(name: string): Promise<void>
  names(): Promise<readonly string[]>
  clear(): Promise<void>
}

/** The Cache API. */
export async function cachePlace(): Promise<Place> {
  const cache = await caches.open(STORAGE_NAME)
  const urlOf = (name: string): string => BASE + name
  return {
    read: async (name) => (await (await cache.match(urlOf(name)))?.blob()) ?? null,
    async size(name) {
      const found = await cache.match(urlOf(name))
      return found ? Number(found.headers.get('content-length')) : null
    },
    write: (name, content) =>
      cache.put(urlOf(name), new Response(content, { headers: { 'content-length': String(content.size) } })),
    remove: async (name) => void (await cache.delete(urlOf(name))),
    names: async () => (await cache.keys()).map(({ url }) => url.slice(BASE.length)),
    async clear() {
      for (const request of await cache.keys()) await cache.delete(request)
    },
  }
}
