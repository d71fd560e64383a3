import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DownloadStore, Remembered, StoredFile } from '../bundle/url-files.ts'
import { TensorferryError } from '../errors.ts'
import { sourceFromBlob } from '../format/byte-source.ts'
import { DiskFile } from './disk-file.ts'

const nameOf = (url: string): string => createHash('sha256').update(url).digest('hex')

/** Names of files: anything else could be a path to somewhere else. */
const SHA256 = /^[0-9a-f]{64}$/

/** An entry of the index as it was written; null: somebody has changed it. */
function checkRemembered(value: unknown): Remembered | null {
  const { sha256, etag, lastModified } = (value ?? {}) as Record<keyof Remembered, unknown>
  const isHeader = (header: unknown): header is string | null => header === null || typeof header === 'string'
  if (typeof sha256 !== 'string' || !SHA256.test(sha256) || !isHeader(etag) || !isHeader(lastModified)) return null
  return { sha256, etag, lastModified }
}

function inMemory(blob: Blob, sha256: string): StoredFile {
  return {
    source: sourceFromBlob(blob),
    bytes: async () => new Uint8Array(await blob.arrayBuffer()),
    size: blob.size,
    sha256,
  }
}

/** Downloads on disk: `files/SHA256`, and `urls/` for what was last seen at a URL. Written aside and renamed, so never half there. */
export function diskDownloadStore(folder: string): DownloadStore {
  const filesFolder = join(folder, 'files')
  const urlsFolder = join(folder, 'urls')
  const pathOf = (sha256: string): string => join(filesFolder, sha256)
  const openStored = async (sha256: string): Promise<DiskFile & StoredFile> => {
    const file = await DiskFile.open(pathOf(sha256), pathOf(sha256), { size: null, sha256 })
    return Object.assign(file, { size: file.source.size, sha256 })
  }
  const warnings: string[] = []
  const noteUnkept = (cause: unknown): void => {
    const warning = `downloads are not kept: the cache folder ${folder} cannot be written (${(cause as Error).message}); pass cacheDir or set TENSORFERRY_CACHE`
    if (warnings.length === 0) warnings.push(warning)
  }

  return {
    mostLocal: 1,
    warnings,
    async get(sha256) {
      if (!SHA256.test(sha256)) return null
      try {
        const found = await openStored(sha256)
        await found.openLocal().confirm()
        return found
      } catch (error) {
        // Any other error: it is not there, or cannot be read.
        if (TensorferryError.is(error, 'INTEGRITY_FAILED')) await rm(pathOf(sha256), { force: true })
        return null
      }
    },
    async put(chunks) {
      const temporary = join(filesFolder, `${randomUUID()}.part`)
      const hash = createHash('sha256')
      let written = 0
      // What the disk does not take stays in memory: a load needs no cache.
      const rest: Uint8Array<ArrayBuffer>[] = []
      let handle = await mkdir(filesFolder, { recursive: true })
        .then(() => open(temporary, 'wx+'))
        .catch((cause: unknown) => {
          noteUnkept(cause)
          return null
        })
      let isWhole = handle !== null
      try {
        for await (const chunk of chunks) {
          hash.update(chunk)
          if (isWhole) {
            try {
              await handle!.writeFile(chunk)
              written += chunk.byteLength
              continue
            } catch (cause) {
              noteUnkept(cause)
              isWhole = false
            }
          }
          rest.push(Uint8Array.from(chunk))
        }
        const sha256 = hash.digest('hex')
        if (!isWhole) {
          const begun = new Uint8Array(written)
          if (written > 0) await handle!.read(begun, 0, written, 0)
          return inMemory(new Blob([begun, ...rest]), sha256)
        }
        await handle!.close()
        handle = null
        await rename(temporary, pathOf(sha256))
        return openStored(sha256)
      } finally {
        await handle?.close().catch(() => undefined)
        await rm(temporary, { force: true }).catch(() => undefined)
      }
    },
    async list() {
      const names = await readdir(filesFolder).catch(() => [])
      const whole = names.filter((name) => !name.endsWith('.part'))
      return Promise.all(whole.map(async (sha256) => ({ url: null, sha256, size: (await stat(pathOf(sha256))).size })))
    },
    async clear(url) {
      if (url === undefined) {
        await Promise.all([filesFolder, urlsFolder].map((path) => rm(path, { recursive: true, force: true })))
        return
      }
      const known = await this.recall(url)
      if (known) await Promise.all([rm(pathOf(known.sha256), { force: true }), rm(join(urlsFolder, nameOf(url)))])
    },
    delete: (sha256) => rm(pathOf(sha256), { force: true }),
    async recall(url) {
      try {
        return checkRemembered(JSON.parse(await readFile(join(urlsFolder, nameOf(url)), 'utf8')))
      } catch {
        return null
      }
    },
    async remember(url, entry) {
      try {
        await mkdir(urlsFolder, { recursive: true })
        const temporary = join(urlsFolder, `${randomUUID()}.part`)
        await writeFile(temporary, JSON.stringify(entry))
        await rename(temporary, join(urlsFolder, nameOf(url)))
      } catch (cause) {
        noteUnkept(cause)
      }
    },
  }
}
