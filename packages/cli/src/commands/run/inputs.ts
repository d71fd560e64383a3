import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import { glob, isDynamicPattern } from 'tinyglobby'

/** One thing to run the model on. */
export interface RunInput {
  /** As it is shown: the path as the caller would write it, or `-`. */
  readonly name: string
  /** Absolute; null: standard input. */
  readonly path: string | null
  /** What the result is called, without an extension's dot: `cat.jpg`, `sub/cat.jpg`. */
  readonly label: string
}

/** What the arguments stand for, and which of them stand for nothing. */
export interface ExpandedInputs {
  readonly inputs: readonly RunInput[]
  readonly failures: readonly { readonly name: string; readonly error: TensorferryError }[]
}

const PICTURES = /\.(jpe?g|png|webp)$/i
const TENSORS = /\.(json|safetensors)$/i

/** Whether a file holds tensors in place of a picture. */
export function holdsTensors(path: string): boolean {
  return TENSORS.test(path)
}

async function listFolder(folder: string, wanted: RegExp, without: string | null): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter(
      (entry) => (entry.isFile() || entry.isSymbolicLink()) && wanted.test(entry.name) && !entry.name.startsWith('.'),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => without === null || !path.startsWith(without + sep))
}

function commonFolder(paths: readonly string[]): string {
  const [first = process.cwd(), ...others] = paths.map((path) => dirname(path))
  let common = first
  for (const folder of others) {
    while (folder !== common && !folder.startsWith(common.endsWith(sep) ? common : common + sep))
      common = dirname(common)
  }
  return common
}

/**
 * Finds the files that the arguments stand for: files, folders, patterns, `-` for standard input. Sorted, each once.
 *
 * @param takesPictures - of a folder its pictures are taken, else its files of tensors
 * @param out - folder that results go to, which lies perhaps inside one that is read
 */
export async function expandInputs(
  args: readonly string[],
  takesPictures: boolean,
  out: string | null,
): Promise<ExpandedInputs> {
  const wanted = takesPictures ? PICTURES : TENSORS
  const paths: string[] = []
  const failures: { name: string; error: TensorferryError }[] = []
  const fail = (name: string, message: string): void => {
    failures.push({ name, error: new TensorferryError('NOT_FOUND', message, { details: { path: name } }) })
  }
  let base: string | null = null
  let fromStdin = false
  for (const arg of args) {
    if (arg === '-') {
      fromStdin = true
      continue
    }
    const full = resolve(arg)
    const found = await stat(full).catch(() => null)
    if (found?.isDirectory()) {
      const files = await listFolder(full, wanted, out)
      if (files.length === 0)
        fail(arg, `no ${takesPictures ? 'JPEG, PNG or WebP pictures' : '.json or .safetensors files'} in ${full}`)
      if (args.length === 1) base = full
      paths.push(...files)
    } else if (found) paths.push(full)
    else if (isDynamicPattern(arg)) {
      const matches = await glob(arg.replaceAll('\\', '/'), { absolute: true, expandDirectories: false })
      if (matches.length === 0) fail(arg, `no file matches ${arg}`)
      paths.push(...matches.map((path) => resolve(path)).filter((path) => !out || !path.startsWith(out + sep)))
    } else fail(arg, `no file ${full}`)
  }
  const unique = [...new Set(paths)].sort()
  const folder = base ?? commonFolder(unique)
  const inputs = unique.map((path): RunInput => {
    const shown = relative(process.cwd(), path)
    return {
      name: shown.startsWith('..') ? path : shown,
      path,
      label: relative(folder, path).split(sep).join('/') || basename(path),
    }
  })
  if (fromStdin) inputs.push({ name: '-', path: null, label: 'stdin' })
  return { inputs, failures }
}
