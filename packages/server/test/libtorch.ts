import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildAddon, libtorch, searchLibtorch } from '@tensorferry/backend-libtorch'
import type { Backend } from '@tensorferry/core'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** The environment around `TENSORFERRY_PYTHON`, or the repository's own. */
export function preferredLibtorch(): string | undefined {
  const python = process.env.TENSORFERRY_PYTHON
  if (python) return dirname(dirname(python))
  const own = join(repository, '.venv')
  return existsSync(own) ? own : undefined
}

/** Makes libtorch backends with one thread, or says why this machine has none. */
export async function prepareLibtorch(): Promise<((replicas?: number) => Backend) | { readonly missing: string }> {
  process.env.TENSORFERRY_CACHE ??= join(repository, '.cache', 'tensorferry')
  const { found, places } = await searchLibtorch({ libtorch: preferredLibtorch(), oldest: '1.13' })
  if (!found) return { missing: places.map(({ asked, reason }) => `${asked} (${reason})`).join(', ') }
  try {
    await buildAddon(found)
  } catch (error) {
    return { missing: (error as Error).message }
  }
  return (replicas = 1) => libtorch({ libtorch: found.root, threads: 1, replicas })
}
