import { type Backend, TensorferryError } from '@tensorferry/core'
import { installAdvice, openBackend } from '@tensorferry/core/node'
import { type FoundBackend, findBackend, findInstalledBackends } from './find.ts'
import { KNOWN_BACKENDS, packageName } from './known.ts'

/** Settings for a backend's factory. */
export type FactoryOptions = Readonly<Record<string, unknown>>

/**
 * Looks a backend up that someone asked for.
 *
 * @throws TensorferryError `BACKEND_NOT_INSTALLED` with what is installed, what exists, and the command
 */
export async function requireInstalled(name: string): Promise<FoundBackend> {
  const found = await findBackend(name)
  if (found) return found
  const installed = (await findInstalledBackends()).map((one) => one.name)
  throw new TensorferryError(
    'BACKEND_NOT_INSTALLED',
    `backend ${JSON.stringify(name)} is not installed; installed here: ${installed.join(', ') || 'none'}; ` +
      `known: ${KNOWN_BACKENDS.join(', ')}, or the name of a package or the path of a file; ${installAdvice(packageName(name))}`,
    { details: { backend: name, installed } },
  )
}

/**
 * Imports a backend and calls its factory.
 *
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when it fails to load, `BACKEND_INCOMPATIBLE` when it is no backend,
 *   `OPTIONS_INVALID` of its factory
 */
export function loadBackend({ name, path }: FoundBackend, options: FactoryOptions): Promise<Backend> {
  return openBackend(name, path, options)
}
