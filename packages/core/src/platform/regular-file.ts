import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { TensorferryError } from '../errors.ts'

function kindOf(found: Pick<Stats, 'isDirectory' | 'isFIFO' | 'isSocket'>): string {
  if (found.isDirectory()) return 'a folder'
  if (found.isFIFO()) return 'a pipe'
  return found.isSocket() ? 'a socket' : 'a device'
}

/**
 * Refuses what is no file: a pipe waits for somebody who writes, and a device has no end.
 *
 * @throws TensorferryError `NOT_FOUND`
 */
export function requireRegular(
  found: Pick<Stats, 'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket'>,
  path: string,
): void {
  if (found.isFile()) return
  throw new TensorferryError('NOT_FOUND', `${path} is ${kindOf(found)}, not a file; write its content to a file`, {
    details: { path },
  })
}

/** Opens a file to read. One that becomes a pipe meanwhile does not block. */
export async function openRegular(path: string): Promise<FileHandle> {
  requireRegular(await stat(path), path)
  // Windows has neither pipes in folders nor the flag.
  return open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
}

/**
 * Content of a file.
 *
 * @param path - of a file, or of a link to one
 * @throws TensorferryError `NOT_FOUND` for a pipe, a device or a folder; the system's own error for one that is not there
 */
export async function readRegular(path: string): Promise<Buffer> {
  const handle = await openRegular(path)
  try {
    requireRegular(await handle.stat(), path)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
