import type { Artifact } from '@tensorferry/core'
import type { ExternalFile } from './model-files.ts'
import type { Problem } from './problem.ts'
import { missingFile } from './refusals.ts'

// Loaded for a model with external data: most have none.

/** `./a/../w.bin` and `sub\\w.bin` in one spelling. */
function plain(path: string, separators: RegExp): string {
  const parts: string[] = []
  for (const part of path.split(separators)) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/**
 * Finds the files that a model names among those of its artifact, whatever the spelling.
 *
 * @param names - as the model writes them
 * @returns `NOT_FOUND`, or with a manifest `BUNDLE_INVALID`, for one that is not there
 */
export function externalFiles(
  artifact: Artifact,
  names: readonly string[],
  hasManifest: boolean,
): readonly ExternalFile[] | Problem {
  const others = artifact.files.slice(1)
  const found: ExternalFile[] = []
  for (const name of names) {
    // A backslash is a letter of the name where a file is called so, else a separator, as on the machine that wrote it.
    const file =
      others.find(({ path }) => plain(path, /\//) === plain(name, /\//)) ??
      others.find(({ path }) => plain(path, /[\\/]/) === plain(name, /[\\/]/))
    if (!file) return missingFile(artifact, name, hasManifest)
    found.push({ name, file })
  }
  return found
}
