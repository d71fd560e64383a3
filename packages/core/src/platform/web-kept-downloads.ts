import type { Download } from '../bundle/url-files.ts'
import type { Draft, Shelf, Whole } from './web-shelf.ts'

// Loaded when somebody looks at what is kept, or removes it.

/** What is kept, whole files and broken-off ones. */
export async function listKept(shelf: Shelf): Promise<readonly Download[]> {
  const downloads: Download[] = []
  for (const name of await shelf.index.names()) {
    const [kind, hash] = name.split('/')
    const entry = kind === 'files' || kind === 'broken' ? await shelf.load<Whole>(name) : null
    if (!entry) continue
    const isWhole = kind === 'files'
    const size = isWhole ? entry.size : await shelf.total(entry)
    downloads.push({ url: entry.url, sha256: isWhole ? hash! : null, size })
  }
  return downloads
}

/** Removes all, or what was fetched from one URL. */
export async function clearKept(shelf: Shelf, url?: string): Promise<void> {
  if (url === undefined) {
    await shelf.index.clear()
    const opfs = await Promise.resolve(shelf.place('opfs')).catch(() => null)
    return opfs?.clear()
  }
  for (const name of await shelf.index.names()) {
    const isFile = name.startsWith('files/') || name.startsWith('broken/')
    if (isFile && (await shelf.load<Draft>(name))?.url === url) await shelf.remove(name)
  }
  await shelf.index.remove(await shelf.keyOf('urls', url))
}
