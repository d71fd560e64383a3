import type { DownloadStore } from '../bundle/url-files.ts'
import type { ImageCodecs } from '../pipeline/image-codecs.ts'
import { MAX_PIXELS, requireImage } from '../pipeline/raw-image.ts'
import { convertImage } from '../pipeline/steps/image/convert-image.ts'
import type { LocateOptions, Platform } from './platform.ts'
import { locateUrl } from './url.ts'
import { memoryParts, memoryStore, noStorage } from './web-memory-store.ts'
import { sha256 } from './web-sha256.ts'

/**
 * Requests past the browser's own cache, which would keep every model a second time. Conditions would make a request to
 * another origin one that needs leave.
 */
function past(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return (input, init) => {
    const isOther = new URL(String(input)).origin !== globalThis.location?.origin
    const headers = Object.entries({ ...(init?.headers as Record<string, string>) })
    const kept = headers.filter(([name]) => !isOther || !name.startsWith('if-'))
    return fetch(input, { ...init, headers: Object.fromEntries(kept), cache: 'no-store' })
  }
}

/** Loaded with the first picture file: an app that has pixels, such as a canvas, does without. */
const webImageCodecs: ImageCodecs = {
  async decode(bytes, mode, warnings) {
    const { decodeInBrowser } = await import('./image-codecs-web.ts')
    return convertImage(await decodeInBrowser(bytes, MAX_PIXELS, warnings), { mode })
  },
  async encode(image, options) {
    const { encodeInBrowser } = await import('./image-codecs-web.ts')
    return encodeInBrowser(requireImage('encode', image), options)
  },
}

/** What keeps files is loaded with the first URL: an app that has its files does without. */
async function storeOf({ downloads }: LocateOptions): Promise<DownloadStore> {
  if (downloads === 'memory') return memoryStore([])
  if (typeof caches === 'undefined') return memoryStore([noStorage('the page needs https')])
  return (await import('./web-download-store.ts')).webDownloadStore(downloads, memoryParts)
}

/** Browsers and workers: fetch, Web Crypto, pictures as exact as in Node. */
export const platform: Platform = {
  name: 'web',
  codecs: webImageCodecs,
  async locate(source, options) {
    const base = typeof document === 'undefined' ? globalThis.location?.href : document.baseURI
    const fetch = past(options.fetch ?? globalThis.fetch.bind(globalThis))
    return locateUrl(new URL(source, base), await storeOf(options), fetch)
  },
  localArtifacts: async () => [],
  downloadStore: storeOf,
  sha256,
  findBackendConfig: async () => null,
  appFolder: () => '',
  importBackend: async (name) => {
    throw (await import('../backend-errors.ts')).nameAwayFromNode(name)
  },
}
