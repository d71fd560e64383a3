import { readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'
import type { FoundLibtorch } from '../found-libtorch.ts'
import { LIBRARY } from './read-root.ts'

/** Absolute paths of the libraries that this process has open, whoever opened them. */
export function loadedLibraries(): string[] {
  if (process.platform === 'linux') {
    try {
      const maps = readFileSync('/proc/self/maps', 'utf8')
      return [...new Set(maps.split('\n').map((line) => line.slice(line.indexOf('/'))))]
    } catch {
      // Without /proc the report knows too, more slowly.
    }
  }
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] }
  return sharedObjects
}

/** Absolute path of the libtorch that is open in this process, whoever opened it; null: none. */
export function loadedLibtorch(): string | null {
  const [name = '', suffix = ''] = (LIBRARY ?? '').split('.')
  const pattern = new RegExp(`[/\\\\]${name}\\.${suffix}[\\d.]*$`)
  return loadedLibraries().find((path) => pattern.test(path)) ?? null
}

/**
 * Two copies of libtorch in one process end it without a word: the second is refused.
 *
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` when another copy is open already
 */
export function requireSoleLibtorch(found: FoundLibtorch): void {
  const loaded = loadedLibtorch()
  if (loaded === null || realpathSync(loaded) === realpathSync(join(found.libraryFolder, LIBRARY!))) return
  throw new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `this process has opened the libtorch in ${dirname(loaded)} and cannot open a second one (${found.version} in ${found.libraryFolder}); use one libtorch in a process, or another process`,
    { details: { loaded: dirname(loaded), wanted: found.libraryFolder, version: found.version } },
  )
}
