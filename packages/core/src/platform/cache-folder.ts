import { homedir, tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** A folder that a variable names; null: it is not set, empty, or relative, which would be another place in each folder. */
function folderIn(value: string | undefined): string | null {
  return value !== undefined && isAbsolute(value) ? value : null
}

/**
 * The folder for all that is kept between runs: `TENSORFERRY_CACHE`, else the user's cache folder on this system; where the
 * user has no home, one among temporary files.
 *
 * @see the XDG Base Directory Specification: relative paths and empty ones count as unset
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.TENSORFERRY_CACHE) return env.TENSORFERRY_CACHE
  // Empty with HOME=''.
  const home = folderIn(homedir())
  if (process.platform === 'win32') {
    const local = folderIn(env.LOCALAPPDATA) ?? (home && join(home, 'AppData', 'Local'))
    return join(local ?? tmpdir(), 'tensorferry')
  }
  if (process.platform === 'darwin' && home) return join(home, 'Library', 'Caches', 'tensorferry')
  return join(folderIn(env.XDG_CACHE_HOME) ?? (home ? join(home, '.cache') : tmpdir()), 'tensorferry')
}
