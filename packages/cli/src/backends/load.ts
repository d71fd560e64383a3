import { pathToFileURL } from 'node:url'
import { type Backend, TensorferryError } from '@tensorferry/core'
import { type FoundBackend, findBackend, findInstalledBackends } from './find.ts'
import { KNOWN_BACKENDS, packageName } from './known.ts'

/** Settings for a backend's factory. */
export type FactoryOptions = Readonly<Record<string, unknown>>

/**
 * Looks a backend up that someone asked for.
 *
 * @throws TensorferryError `BACKEND_NOT_INSTALLED` with what is installed, what exists, and the command
 */
export function requireBackend(name: string): FoundBackend {
  const found = findBackend(name)
  if (found) return found
  const installed = findInstalledBackends().map((one) => one.name)
  const known = KNOWN_BACKENDS.includes(name as (typeof KNOWN_BACKENDS)[number]) || name.startsWith('@')
  const advice = known
    ? `run: npm install ${packageName(name)}`
    : `known: ${KNOWN_BACKENDS.join(', ')}, or the name of a package or the path of a file`
  throw new TensorferryError(
    'BACKEND_NOT_INSTALLED',
    `backend ${JSON.stringify(name)} is not installed; installed here: ${installed.join(', ') || 'none'}; ${advice}`,
    { details: { backend: name, installed } },
  )
}

/**
 * Imports a backend and calls its factory.
 *
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when it fails to load, `BACKEND_INCOMPATIBLE` when it is no backend,
 *   `OPTIONS_INVALID` of its factory
 */
export async function loadBackend({ name, path }: FoundBackend, options: FactoryOptions): Promise<Backend> {
  let module: { readonly default?: unknown }
  try {
    module = await import(pathToFileURL(path).href)
  } catch (cause) {
    throw new TensorferryError(
      'BACKEND_UNAVAILABLE',
      `${name} is installed and fails to load: ${(cause as Error)?.message ?? cause}`,
      { cause, details: { backend: name, path } },
    )
  }
  if (typeof module.default !== 'function') {
    throw new TensorferryError(
      'BACKEND_INCOMPATIBLE',
      `${name} (${path}) has no factory as its default export: it is not a Tensorferry backend`,
    )
  }
  const backend = module.default(options) as Partial<Backend> | null
  if (backend?.apiVersion === 1 && typeof backend.probe === 'function') return backend as Backend
  throw new TensorferryError(
    'BACKEND_INCOMPATIBLE',
    `${name} (${path}): expected a backend of API version 1, got ${backend?.apiVersion ?? typeof backend}; install matching versions`,
  )
}
