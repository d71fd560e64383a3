import { join } from 'node:path'
import { requireFrom } from './require-from.ts'

/** Where it is looked for: beside the library, or, when a bundler has put that into the app's own file, beside the app. */
function* places(library: string | undefined): Generator<string> {
  // Empty in what a bundler writes as CommonJS.
  if (library) yield library
  if (typeof __filename === 'string') yield __filename
  if (process.argv[1]) yield process.argv[1]
  yield join(process.cwd(), 'package.json')
}

function resolveFrom(place: string, name: string, dependent: string): string | null {
  try {
    const from = requireFrom(place)
    try {
      return from.resolve(name)
    } catch {
      // pnpm: the app itself does not see it, the package that depends on it does.
      return requireFrom(from.resolve(`${dependent}/package.json`)).resolve(name)
    }
  } catch {
    return null
  }
}

/**
 * Finds a package with native code for a library that may have been bundled into an app. Such a package is loaded by its path
 * and never imported by its name: a bundler would follow the name to files that it cannot carry.
 *
 * @param name - such as `sharp`
 * @param dependent - the package that depends on it
 * @param library - `import.meta.url` of the caller
 * @returns absolute path of its entry; null: it is not installed where the app runs
 */
export function findPackage(name: string, dependent: string, library: string | undefined): string | null {
  for (const place of places(library)) {
    const path = resolveFrom(place, name, dependent)
    if (path !== null) return path
  }
  return null
}
