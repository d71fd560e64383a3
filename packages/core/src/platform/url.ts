import { fileErrors } from '../bundle/files.ts'
import { type DownloadStore, urlFiles } from '../bundle/url-files.ts'
import type { Located } from './platform.ts'

/** A URL that ends in `/` or `/bundle.json` is a bundle's folder, any other one a model file. */
export async function locateUrl(url: URL, store: DownloadStore, fetch: typeof globalThis.fetch): Promise<Located> {
  if (!/^https?:$/.test(url.protocol) || url.username || url.password) throw (await fileErrors()).unfitUrl(url)
  const cut = url.pathname.lastIndexOf('/') + 1
  const base = new URL(url)
  base.hash = ''
  base.pathname = url.pathname.slice(0, cut)
  const name = url.pathname.slice(cut)
  const files = urlFiles(base, store, fetch)
  if (name === '' || name === 'bundle.json') return { kind: 'folder', files }
  return { kind: 'file', files, path: decodeURIComponent(name) }
}
