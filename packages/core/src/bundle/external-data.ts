import { TensorferryError } from '../errors.ts'
import type { Files } from './files.ts'

// Loaded for a bare model with external data: most have none.

/** The path without `.`, `..` and doubled separators; null: it leads out of the folder. */
function plain(path: string, separators: RegExp): string | null {
  const parts: string[] = []
  for (const part of path.split(separators)) {
    if (part === '..' && parts.pop() === undefined) return null
    if (part !== '' && part !== '.' && part !== '..') parts.push(part)
  }
  return parts.length > 0 ? parts.join('/') : null
}

/** What the path may mean, the likelier first: a backslash is a letter of the name here, or a separator where it was written. */
function readings(name: string): readonly string[] {
  const isAbsolute = /^([\\/]|[a-z]:[\\/]|[a-z][a-z0-9+.-]+:\/\/)/i.test(name)
  const paths = isAbsolute ? [] : [plain(name, /\//), plain(name, /[\\/]/)]
  return [...new Set(paths.filter((path) => path !== null))]
}

/** Files that a renamed model's data are likely to have become. */
const SUFFIXES = ['.data', '_data', '.bin', '.weights']

/**
 * Finds the file that a bare ONNX model keeps weights in, by every spelling that ONNX Runtime takes.
 *
 * @param name - as the model writes it
 * @param model - path of the model
 * @returns its path, relative to the model's folder
 * @throws TensorferryError `BUNDLE_INVALID` for one that leads out of that folder, `NOT_FOUND`
 */
export async function findDataFile(files: Files, name: string, model: string): Promise<string> {
  const folder = model.slice(0, model.lastIndexOf('/') + 1)
  const paths = readings(name)
  if (paths.length === 0) {
    throw new TensorferryError(
      'BUNDLE_INVALID',
      `${model}: it keeps weights in ${JSON.stringify(name)}, which leaves its folder; save it with its external data beside it`,
      { details: { path: name } },
    )
  }
  for (const path of paths) if (await files.has(folder + path)) return path
  // By URL nobody knows before it is fetched.
  if ((await files.has(folder + paths.at(-1))) === null) return paths.at(-1)!
  const stem = model.replace(/\.[^./]+$/, '')
  const candidates = SUFFIXES.flatMap((suffix) => [model + suffix, stem + suffix])
  const renamed = []
  for (const path of candidates) if (await files.has(path)) renamed.push(path.slice(folder.length))
  throw (await import('./file-errors.ts')).noExternalData(folder + paths.at(-1), files.where, model, renamed[0] ?? null)
}
