import { stat } from 'node:fs/promises'
import { basename, dirname, extname, resolve } from 'node:path'
import { TensorferryError } from '@tensorferry/core'

/** Where results go. */
export type Destination =
  | { readonly kind: 'print' }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'file'; readonly folder: string; readonly stem: string; readonly suffix: string }

const FORMATS: Readonly<Record<string, 'png' | 'jpeg' | 'webp'>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
}

/** The picture format that a file's name asks for. */
export function formatOf(destination: Destination): 'png' | 'jpeg' | 'webp' {
  return (destination.kind === 'file' ? FORMATS[destination.suffix.toLowerCase()] : undefined) ?? 'png'
}

/**
 * Reads `--out`: a folder, a file's name (`cat.png`, `.jpg`, `.webp`, `.json`) for one input, or `-` for standard output.
 *
 * @throws TensorferryError `OPTIONS_INVALID`
 */
export async function readDestination(out: string | undefined): Promise<Destination> {
  if (out === undefined) return { kind: 'print' }
  if (out === '-') return { kind: 'stdout' }
  const full = resolve(out)
  const found = await stat(full).catch(() => null)
  const suffix = extname(full)
  if (found?.isDirectory()) return { kind: 'folder', folder: full }
  if (suffix.toLowerCase() in FORMATS || suffix === '.json') {
    return { kind: 'file', folder: dirname(full), stem: basename(full, suffix), suffix }
  }
  if (found) throw new TensorferryError('OPTIONS_INVALID', `--out: ${full} is a file; name a folder`)
  return { kind: 'folder', folder: full }
}
