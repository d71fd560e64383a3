import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Absolute path of one of Debian's programs, which `.ci/run` installs. Debian keeps some outside a user's PATH.
 *
 * @param skip - called with the reason where it is missing; with `CI=true` that is an error
 */
export function requireProgram(name: string, skip: (reason: string) => void): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (found) return found
  const reason = `${name} is not installed; apt-get install ${name} brings it`
  if (process.env.CI === 'true') throw new Error(reason)
  skip(reason)
  return name
}
