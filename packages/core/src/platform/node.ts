import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { localArtifacts } from '../bundle/local-manifest.ts'
import type { DownloadStore } from '../bundle/url-files.ts'
import { TensorferryError } from '../errors.ts'
import { tagOf } from '../tag-of.ts'
import { cacheFolder } from './cache-folder.ts'
import { nodeImageCodecs } from './image-codecs-node.ts'
import { importBackend } from './node-backend.ts'
import { findBackendConfig } from './node-config.ts'
import { diskDownloadStore } from './node-download-store.ts'
import { folderFiles } from './node-files.ts'
import type { Located, LocateOptions, Platform } from './platform.ts'
import { locateUrl } from './url.ts'

async function locatePath(path: string): Promise<Located> {
  const full = resolve(path)
  const found = await stat(full).catch(() => null)
  if (!found) throw new TensorferryError('NOT_FOUND', `no file or folder ${full}`, { details: { path: full } })
  if (found.isDirectory()) return { kind: 'folder', files: folderFiles(full, 'refuse') }
  if (basename(full) === 'bundle.json') return { kind: 'folder', files: folderFiles(dirname(full), 'refuse') }
  return { kind: 'file', files: folderFiles(dirname(full), 'follow'), path: basename(full) }
}

const storeOf = (options: LocateOptions): DownloadStore => diskDownloadStore(options.cacheDir ?? cacheFolder())

/** Node, Bun and Deno: files, a download cache on disk, sharp for pictures. */
export const platform: Platform = {
  name: 'node',
  codecs: nodeImageCodecs,
  async locate(source, options) {
    const text = String(source)
    if (text.startsWith('file:')) return locatePath(fileURLToPath(text))
    // One letter before the colon is a Windows drive.
    if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return locatePath(text)
    return locateUrl(new URL(text), storeOf(options), options.fetch ?? fetch)
  },
  localArtifacts,
  downloadStore: async (options) => storeOf(options),
  async sha256(content) {
    const bytes =
      tagOf(content) === 'Uint8Array' ? (content as Uint8Array) : new Uint8Array(await (content as Blob).arrayBuffer())
    return createHash('sha256').update(bytes).digest('hex')
  },
  findBackendConfig,
  appFolder: () => process.cwd(),
  importBackend,
}
