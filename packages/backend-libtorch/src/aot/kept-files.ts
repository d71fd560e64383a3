import { createHash, randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { extname, join } from 'node:path'
import { type ByteSource, TensorferryError } from '@tensorferry/core'
import { cacheFolder } from '@tensorferry/core/node'

const CHUNK = 8 * 1024 * 1024

/** A part of a package on disk, where a loader can open it by its path. */
export interface KeptFile {
  readonly path: string
  /** sha256 of its content. */
  readonly hash: string
  /** The last one to release it takes it away. */
  release(): void
}

interface Entry {
  readonly written: Promise<void>
  users: number
}

/** By path. The same content has the same path in a process: a loader that has it open does not open it again. */
const kept = new Map<string, Entry>()

async function hashOf(source: ByteSource): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < source.size; at += CHUNK) hash.update(await source.read(at, Math.min(CHUNK, source.size - at)))
  return hash.digest('hex')
}

async function write(source: ByteSource, folder: string, path: string): Promise<void> {
  const part = join(folder, `${owner()}-${randomUUID()}.part`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const handle = await open(part, 'wx', 0o600)
    try {
      for (let at = 0; at < source.size; at += CHUNK) {
        await handle.writeFile(await source.read(at, Math.min(CHUNK, source.size - at)))
      }
    } finally {
      await handle.close()
    }
    // Another thread of this process may be loading the same: a file is there whole or not at all.
    await rename(part, path)
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {})
    throw new TensorferryError(
      'BACKEND_UNAVAILABLE',
      `native code could not be written to ${folder}: ${(cause as Error).message}; set TENSORFERRY_CACHE to a folder with room`,
      { details: { folder }, cause },
    )
  }
}

/** Processes of other machines, or containers, may share the folder. */
const owner = (): string => `${hostname()}-${process.pid}`

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Files of processes that ended without taking them away. */
async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => [])
  const own = `${hostname()}-`
  for (const name of names) {
    const pid = name.startsWith(own) ? Number(/^(\d+)-/.exec(name.slice(own.length))?.[1]) : Number.NaN
    if (Number.isNaN(pid) || isAlive(pid)) continue
    await rm(join(folder, name), { force: true }).catch(() => {})
  }
}

const swept = new Map<string, Promise<void>>()

/** What the files of this process begin with. */
export function keptPrefix(room: string): string {
  return join(cacheFolder(), room, `${owner()}-`)
}

/**
 * Writes a part of a package, or a library, to the user's cache folder, under its content's name.
 *
 * @param name - its name where it is from, for the suffix
 * @param room - the folder in the cache folder
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when it cannot be written
 */
export async function keepFile(source: ByteSource, name: string, room = 'aot'): Promise<KeptFile> {
  const folder = join(cacheFolder(), room)
  if (!swept.has(folder)) swept.set(folder, sweep(folder))
  await swept.get(folder)
  const hash = await hashOf(source)
  const path = `${keptPrefix(room)}${hash.slice(0, 40)}${extname(name)}`
  let entry = kept.get(path)
  if (!entry) {
    entry = { written: write(source, folder, path), users: 0 }
    kept.set(path, entry)
  }
  entry.users++
  let released = false
  const release = (): void => {
    if (released) return
    released = true
    entry.users--
    if (entry.users > 0) return
    if (kept.get(path) === entry) kept.delete(path)
    try {
      rmSync(path, { force: true })
    } catch {
      // Windows keeps the file of an open library; the next process takes it away.
    }
  }
  try {
    await entry.written
  } catch (error) {
    kept.delete(path)
    throw error
  }
  return { path, hash, release }
}
