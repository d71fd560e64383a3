import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { TensorferryError } from '@tensorferry/core'

/** Name of the project's configuration. */
export const CONFIG_FILE = 'tensorferry.config.json'

/** What the environment or the nearest config file asks for. */
export interface FoundConfig {
  readonly backends: readonly (readonly [name: string, options: Readonly<Record<string, unknown>>])[]
  readonly verify?: 'off' | 'smoke' | 'full'
  /** `TENSORFERRY_BACKEND` or the file's path. */
  readonly from: string
  /** Folder that names are resolved from. */
  readonly folder: string
}

/**
 * The backends that `loadModel` takes when it is told none: the environment's, else the nearest config file's.
 *
 * @throws TensorferryError `OPTIONS_INVALID` for a config file that cannot be read
 */
export function findConfig(from = process.cwd()): FoundConfig | null {
  const names = (process.env.TENSORFERRY_BACKEND ?? '').split(',').flatMap((name) => name.trim() || [])
  if (names.length > 0) {
    return { backends: names.map((name) => [name, {}]), from: 'TENSORFERRY_BACKEND', folder: from }
  }
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, CONFIG_FILE)
    if (existsSync(path)) return { ...readConfig(path), from: path, folder }
    if (dirname(folder) === folder) return null
  }
}

function readConfig(path: string): Pick<FoundConfig, 'backends' | 'verify'> {
  let config: { backends?: unknown; verify?: FoundConfig['verify'] }
  try {
    config = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new TensorferryError('OPTIONS_INVALID', `${path}: not JSON (${(cause as Error).message})`, { cause })
  }
  const { backends, verify } = config
  const entries = Array.isArray(backends) ? backends.map((entry) => (Array.isArray(entry) ? entry : [entry])) : []
  if (entries.length === 0 || entries.some(([name]) => typeof name !== 'string')) {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `${path}: expected such as { "backends": ["@tensorferry/backend-onnx-node"] }; write one with: tensorferry init`,
    )
  }
  return { backends: entries.map(([name, options]) => [name, options ?? {}]), ...(verify ? { verify } : {}) }
}
