import { homedir } from 'node:os'
import { join } from 'node:path'

/** `TENSORFERRY_CACHE`, else the user's cache folder on this system: the one that core's downloads are kept in. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.TENSORFERRY_CACHE) return env.TENSORFERRY_CACHE
  if (process.platform === 'win32') {
    return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'tensorferry')
  }
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'tensorferry')
  return join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tensorferry')
}
