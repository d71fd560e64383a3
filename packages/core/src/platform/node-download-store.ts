import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { DownloadStore, Remembered, StoredFile } from '../bundle/url-files.ts'
import { TensorferryError } from '../errors.ts'
import { hashFile, readWhole, sourceFromFile } from './node-files.ts'

/** `TENSORFERRY_CACHE`, else the user's cache folder on this system. */
export function defaultCacheDir(): string {
  const { TENSORFERRY_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env
  if (TENSORFERRY_CACHE) return TENSORFERRY_CACHE
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'tensorferry')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'tensorferry')
  return join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tensorferry')
}

const nameOf = (url: string): string => createHash('sha256').update(url).digest('hex')

/** Downloads on disk: `files/SHA256`, and `urls/` for what was last seen at a URL. Written aside and renamed, so never half there. */
export function diskDownloadStore(folder: string): DownloadStore {
  const filesFolder = join(folder, 'files')
  const urlsFolder = join(folder, 'urls')
  const pathOf = (sha256: string): string => join(filesFolder, sha256)
  const stored = (path: string, size: number, sha256: string): StoredFile => ({
    source: sourceFromFile(path, size),
    localPath: path,
    bytes: () => readWhole(path),
    size,
    sha256,
  })
  const failed = (cause: unknown): TensorferryError =>
    new TensorferryError(
      'DOWNLOAD_FAILED',
      `the download cache ${folder} cannot be written (${(cause as Error).message}); pass cacheDir or set TENSORFERRY_CACHE`,
      { cause },
    )

  return {
    onDisk: true,
    async get(sha256) {
      const path = pathOf(sha256)
      const found = await stat(path).catch(() => null)
      if (!found) return null
      if ((await hashFile(path)) === sha256) return stored(path, found.size, sha256)
      await rm(path, { force: true })
      return null
    },
    async put(chunks) {
      const temporary = join(filesFolder, `${randomUUID()}.part`)
      const hash = createHash('sha256')
      let size = 0
      const handle = await mkdir(filesFolder, { recursive: true })
        .then(() => open(temporary, 'wx'))
        .catch((cause: unknown) => {
          throw failed(cause)
        })
      try {
        for await (const chunk of chunks) {
          hash.update(chunk)
          size += chunk.byteLength
          await handle.writeFile(chunk).catch((cause: unknown) => {
            throw failed(cause)
          })
        }
        await handle.close()
        const sha256 = hash.digest('hex')
        await rename(temporary, pathOf(sha256))
        return stored(pathOf(sha256), size, sha256)
      } catch (error) {
        await handle.close().catch(() => undefined)
        await rm(temporary, { force: true })
        throw error
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
        return JSON.parse(await readFile(join(urlsFolder, nameOf(url)), 'utf8')) as Remembered
      } catch {
        return null
      }
    },
    async remember(url, entry) {
      await mkdir(urlsFolder, { recursive: true })
      const temporary = join(urlsFolder, `${randomUUID()}.part`)
      await writeFile(temporary, JSON.stringify(entry))
      await rename(temporary, join(urlsFolder, nameOf(url)))
    },
  }
}
