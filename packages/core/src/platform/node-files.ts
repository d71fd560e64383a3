import { realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { LoadOptions, LocalFile } from '../backend.ts'
import { type Expected, type Files, fileErrors, type OpenFile, UNCHECKED } from '../bundle/files.ts'
import { TensorferryError } from '../errors.ts'
import { DiskFile } from './disk-file.ts'

/**
 * A file that the caller names, for a runtime that reads it by its path.
 *
 * @throws TensorferryError `NOT_FOUND` when it cannot be opened
 */
export async function openLocalFile(path: string): Promise<LocalFile> {
  try {
    return (await DiskFile.open(path, path, UNCHECKED)).openLocal()
  } catch (cause) {
    if (TensorferryError.is(cause)) throw cause
    throw new TensorferryError('NOT_FOUND', `the model file ${JSON.stringify(path)} cannot be opened`, {
      details: { path },
      cause,
    })
  }
}

/**
 * The files of a folder on disk.
 *
 * @param folder - absolute path
 * @param links - a bundle's files must lie inside it; a bare model named by the caller may be a link
 */
export function folderFiles(folder: string, links: 'refuse' | 'follow'): Files {
  const locate = async (path: string): Promise<string> => {
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
    return full
  }
  const openPath = async (path: string, expected: Expected, options?: LoadOptions): Promise<OpenFile> => {
    return DiskFile.open(await locate(path), path, expected, options)
  }
  return {
    where: folder,
    mostLocal: Number.POSITIVE_INFINITY,
    has: async (path) => (await stat(join(folder, path)).catch(() => null))?.isFile() ?? false,
    open: openPath,
    openLatest: (path, options) => openPath(path, UNCHECKED, options),
  }
}
