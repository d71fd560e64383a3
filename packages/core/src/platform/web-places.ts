/** Names in the Cache API have to be URLs; no such host exists. */
const BASE = 'https://tensorferry.invalid/'
const NAME = 'tensorferry-1'

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
  const cache = await caches.open(NAME)
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

/** The origin private file system, in one folder. */
export async function opfsPlace(): Promise<Place> {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle(NAME, { create: true })
  const fileOf = (name: string): string => name.replaceAll('/', '~')
  const open = async (name: string): Promise<File | null> => {
    const handle = await folder.getFileHandle(fileOf(name)).catch(() => null)
    return handle ? handle.getFile() : null
  }
  const names = async (): Promise<string[]> => {
    const found: string[] = []
    for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) {
      found.push(name.replaceAll('~', '/'))
    }
    return found
  }
  const remove = (name: string): Promise<void> => folder.removeEntry(fileOf(name)).catch(() => undefined)
  return {
    read: open,
    size: async (name) => (await open(name))?.size ?? null,
    async write(name, content) {
      const stream = await (await folder.getFileHandle(fileOf(name), { create: true })).createWritable()
      await stream.write(content)
      await stream.close()
    },
    remove,
    names,
    async clear() {
      for (const name of await names()) await remove(name)
    },
  }
}
