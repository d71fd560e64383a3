import type { Place } from './web-cache-place.ts'

/** Bytes that fit into the pipe between a page and the browser. */
const PIECE = 64 * 1024

/** The origin private file system, in the folder of that name. */
export async function opfsPlace(folderName: string): Promise<Place> {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle(folderName, { create: true })
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
      const inPieces = async (bytes: number): Promise<void> => {
        const stream = await (await folder.getFileHandle(fileOf(name), { create: true })).createWritable()
        for (let at = 0; at < content.size; at += bytes) await stream.write(content.slice(at, at + bytes))
        await stream.close()
      }
      // Of a large piece that a full quota breaks off Chromium may say that it could not be read; of small ones it says why.
      await inPieces(content.size).catch((error: Error) => {
        if (error.name === 'QuotaExceededError') throw error
        return inPieces(PIECE)
      })
    },
    remove,
    names,
    async clear() {
      for (const name of await names()) await remove(name)
    },
  }
}
