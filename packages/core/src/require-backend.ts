import type { Backend } from './backend.ts'

/** Whether a value has what every backend has; its API version is another question. */
export function isBackend(value: unknown): value is Backend {
  const backend = value as Partial<Backend> | null
  return (
    typeof backend === 'object' &&
    backend !== null &&
    typeof backend.name === 'string' &&
    Array.isArray(backend.formats) &&
    typeof backend.probe === 'function' &&
    typeof backend.createSession === 'function'
  )
}

/**
 * A value as a backend of this contract.
 *
 * @param from - the package or file that gave it; null: the caller passed it
 * @throws TensorferryError `BACKEND_INCOMPATIBLE` for another API version, or what is no backend
 */
export async function requireBackend(from: string | null, value: unknown): Promise<Backend> {
  if (isBackend(value) && value.apiVersion === 1) return value
  throw (await import('./backend-errors.ts')).notBackend(from, value)
}
