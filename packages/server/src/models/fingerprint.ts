import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readRegular } from '@tensorferry/core/node'

async function stamp(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path)
    return `${path} ${mtimeMs} ${size} ${ino}`
  } catch {
    return `${path} is missing`
  }
}

/** Paths in a manifest of any shape: it may be half written. */
async function listedPaths(folder: string): Promise<readonly string[]> {
  try {
    const text = String(await readRegular(join(folder, 'bundle.json')))
    return [...text.matchAll(/"path"\s*:\s*"([^"\\]+)"/g)].map((match) => match[1]!)
  } catch {
    return []
  }
}

/**
 * Changes when a model's files do, by their time, size and inode: of a bundle `bundle.json`, what was compiled for this
 * machine, and all that it lists, so that a copy in progress is looked at again when it is done.
 *
 * @param path - a bundle's folder, or a model file
 */
export async function fingerprint(path: string): Promise<string> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder) return stamp(path)
  const files = ['bundle.json', 'bundle.local.json', ...new Set(await listedPaths(path))]
  return (await Promise.all(files.map((file) => stamp(join(path, file))))).join('\n')
}
