import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readFile, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { LoadOptions } from '../backend.ts'
import { type Expected, type Files, fileErrors, type OpenFile } from '../bundle/files.ts'
import { requireSha256, requireSize } from '../bundle/integrity.ts'
import { throwIfAborted } from '../call.ts'
import { TensorferryError } from '../errors.ts'
import type { ByteSource } from '../format/byte-source.ts'

/** A file on disk as a source: opened for each read, so nothing is left to close. */
export function sourceFromFile(path: string, size: number): ByteSource {
  return {
    size,
    async read(offset, length) {
      let handle: FileHandle | undefined
      try {
        handle = await open(path)
        const bytes = new Uint8Array(length)
        const { bytesRead } = await handle.read(bytes, 0, length, offset)
        return bytes.subarray(0, bytesRead)
      } finally {
        await handle?.close()
      }
    },
  }
}

/**
 * A model file on disk as a source.
 *
 * @throws TensorferryError `NOT_FOUND` when it cannot be opened
 */
export async function openFileSource(path: string): Promise<ByteSource> {
  try {
    const handle = await open(path)
    const { size } = await handle.stat()
    await handle.close()
    return sourceFromFile(path, size)
  } catch (cause) {
    throw new TensorferryError('NOT_FOUND', `the model file ${JSON.stringify(path)} cannot be opened`, {
      details: { path },
      cause,
    })
  }
}

/** sha256 of a file, read in pieces: the event loop turns between them. */
export async function hashFile(
  path: string,
  onBytes?: (loaded: number) => void,
  options?: LoadOptions,
): Promise<string> {
  const hash = createHash('sha256')
  let loaded = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    throwIfAborted(options)
    hash.update(chunk)
    loaded += chunk.length
    onBytes?.(loaded)
  }
  return hash.digest('hex')
}

/** Reads a file whole; over 2 GiB a backend has to read it by its path. */
export async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const buffer = await readFile(path)
  // A small file's buffer is a part of Node's pool, which must not be handed out or transferred.
  if (buffer.byteLength === buffer.buffer.byteLength) return new Uint8Array(buffer.buffer as ArrayBuffer)
  return new Uint8Array(buffer)
}

/**
 * The files of a folder on disk.
 *
 * @param folder - absolute path
 * @param links - a bundle's files must lie inside it; a bare model named by the caller may be a link
 */
export function folderFiles(folder: string, links: 'refuse' | 'follow'): Files {
  const locate = async (path: string): Promise<{ full: string; size: number }> => {
    const full = join(folder, path)
    const found = await stat(full).catch(() => null)
    if (!found?.isFile()) throw (await fileErrors()).fileNotFound(path, folder, found ? 'it is not a file' : '')
    if (links === 'refuse') {
      const inside = relative(await realpath(folder), await realpath(full))
      if (inside.split(sep)[0] === '..') {
        throw new TensorferryError(
          'BUNDLE_INVALID',
          `${path}: a link that leads out of the bundle's folder ${folder}`,
          {
            details: { path },
          },
        )
      }
    }
    return { full, size: found.size }
  }
  const openPath = async (path: string, expected: Expected, options?: LoadOptions): Promise<OpenFile> => {
    const { full, size } = await locate(path)
    const source = sourceFromFile(full, size)
    const head = await source.read(0, Math.min(64, size))
    await requireSize(path, expected, size, head)
    if (expected.sha256 !== null) {
      const report = (loaded: number): void =>
        options?.onProgress?.({ phase: 'verify', file: path, loaded, total: size })
      await requireSha256(path, expected, await hashFile(full, report, options), head)
    }
    return { source, localPath: full, bytes: () => readWhole(full) }
  }
  return {
    where: folder,
    onDisk: true,
    keepsNames: true,
    has: async (path) => (await stat(join(folder, path)).catch(() => null))?.isFile() ?? false,
    open: openPath,
    openLatest: (path, options) => openPath(path, { size: null, sha256: null }, options),
  }
}
