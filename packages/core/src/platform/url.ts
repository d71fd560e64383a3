import { type DownloadStore, urlFiles } from '../bundle/url-files.ts'
import { TensorferryError } from '../errors.ts'
import type { Located } from './platform.ts'

/** A URL that ends in `/` or `/bundle.json` is a bundle's folder, any other one a model file. */
export function locateUrl(url: URL, store: DownloadStore, fetch: typeof globalThis.fetch): Located {
  if (!/^https?:$/.test(url.protocol)) {
    throw new TensorferryError('OPTIONS_INVALID', `source: expected an http or https URL, got ${url.protocol}`)
  }
  const cut = url.pathname.lastIndexOf('/') + 1
  const base = new URL(url)
  base.hash = ''
  base.pathname = url.pathname.slice(0, cut)
  const name = url.pathname.slice(cut)
  const files = urlFiles(base, store, fetch)
  if (name === '' || name === 'bundle.json') return { kind: 'folder', files }
  return { kind: 'file', files, path: decodeURIComponent(name) }
}
