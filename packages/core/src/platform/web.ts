import type { DownloadStore, StoredFile } from '../bundle/url-files.ts'
import { sourceFromBytes } from '../format/byte-source.ts'
import type { ImageCodecs } from '../pipeline/image-codecs.ts'
import { convertImage } from '../pipeline/steps/image/convert-image.ts'
import type { Platform } from './platform.ts'
import { locateUrl } from './url.ts'

async function sha256(content: Uint8Array | Blob): Promise<string> {
  const bytes = content instanceof Uint8Array ? content : new Uint8Array(await content.arrayBuffer())
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Keeps nothing: each download stays in memory until its reader is done with it. */
const memoryStore: DownloadStore = {
  onDisk: false,
  get: async () => null,
  async put(chunks): Promise<StoredFile> {
    const parts: BlobPart[] = []
    for await (const chunk of chunks) parts.push(chunk as Uint8Array<ArrayBuffer>)
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer())
    return {
      source: sourceFromBytes(bytes),
      bytes: async () => bytes.slice(),
      size: bytes.length,
      sha256: await sha256(bytes),
    }
  },
  delete: async () => undefined,
  recall: async () => null,
  remember: async () => undefined,
}

/** Loaded with the first picture file: an app that has pixels, such as a canvas, does without. */
const webImageCodecs: ImageCodecs = {
  async decode(bytes, mode) {
    const { decodeOnCanvas } = await import('./image-codecs-web.ts')
    return convertImage(await decodeOnCanvas(bytes), { mode })
  },
  async encode(image, options) {
    const { encodeOnCanvas } = await import('./image-codecs-web.ts')
    return encodeOnCanvas(image, options)
  },
}

/** Browsers and workers: fetch, Web Crypto, the browser's own picture codecs. */
export const platform: Platform = {
  name: 'web',
  codecs: webImageCodecs,
  async locate(source, options) {
    const base = typeof document === 'undefined' ? globalThis.location?.href : document.baseURI
    return locateUrl(new URL(source, base), memoryStore, options.fetch ?? globalThis.fetch.bind(globalThis))
  },
  localArtifacts: async () => [],
  sha256,
  findBackendConfig: async () => null,
  appFolder: () => '',
  importBackend: async (name) => {
    throw (await import('../backend-errors.ts')).nameAwayFromNode(name)
  },
}
