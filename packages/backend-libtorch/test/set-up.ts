import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { libtorch } from '../src/backend.ts'
import { buildAddon } from '../src/build/build-addon.ts'
import { searchLibtorch } from '../src/discovery/find-libtorch.ts'
import { isCudaWithoutDriver } from '../src/trial/try-compiled.ts'
import { compilePackages } from './aot/compile-packages.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

/** What the tests can have on this machine; a string says why it is not there. */
export interface Environment {
  /** Roots of a libtorch whose addon is built. */
  readonly libtorch: { readonly root: string } | { readonly missing: string }
  readonly debian: { readonly root: string } | { readonly missing: string }
  /** Folder of compiled AOTInductor packages. */
  readonly packages: { readonly folder: string } | { readonly missing: string }
}

declare module 'vitest' {
  interface ProvidedContext {
    environment: Environment
  }
}

/** The environment around `TENSORFERRY_PYTHON`, the repository's own, or what the machine has. */
function preferred(): string | undefined {
  const python = process.env.TENSORFERRY_PYTHON
  if (python) return dirname(dirname(python))
  const own = join(repository, '.venv')
  return existsSync(own) ? own : undefined
}

async function prepare(libtorch: string | undefined): Promise<Environment['libtorch']> {
  const { found, places } = await searchLibtorch({ libtorch, oldest: '1.13' })
  if (!found) return { missing: `no libtorch: ${places.map(({ asked, reason }) => `${asked} (${reason})`).join(', ')}` }
  try {
    await buildAddon(found)
    return { root: found.root }
  } catch (error) {
    return { missing: (error as Error).message }
  }
}

async function preparePackages(): Promise<Environment['packages']> {
  const { found } = await searchLibtorch({ libtorch: preferred(), oldest: '2.6' })
  if (!found) return { missing: 'no libtorch from 2.6 on' }
  const environment = preferred()
  const python = environment ? join(environment, 'bin', 'python') : 'python3'
  const packages = await compilePackages(python, found.version, join(repository, '.cache'))
  return 'folder' in packages && isCudaWithoutDriver(found) ? tryOne(found.root, packages.folder) : packages
}

/** A build for CUDA on a machine without a driver may end a process that runs compiled models. */
async function tryOne(root: string, folder: string): Promise<Environment['packages']> {
  const path = join(folder, 'mlp.pt2')
  const file = { path, size: null, sha256: null, bytes: async () => Uint8Array.from(readFileSync(path)) }
  const artifact = { name: 'aot', format: 'aot-inductor', files: [file], requires: {} } as const
  try {
    const session = await libtorch({ libtorch: root, threads: 1, trust: 'native-code' }).createSession({ artifact })
    await session.dispose()
    return { folder }
  } catch (error) {
    return { missing: (error as Error).message }
  }
}

/** Finds a libtorch and builds the addon, once for all test files. */
export default async function setUp(project: TestProject): Promise<void> {
  process.env.TENSORFERRY_CACHE ??= join(repository, '.cache', 'tensorferry')
  // Compilers, each on one core.
  const [libtorch, debian, packages] = await Promise.all([prepare(preferred()), prepare('/usr'), preparePackages()])
  const parts = { libtorch, 'libtorch-dev 1.13': debian, 'AOTInductor packages': packages }
  for (const [name, one] of Object.entries(parts)) {
    if (!('missing' in one)) continue
    const text = `tests that need ${name} are skipped: ${one.missing}`
    if (process.env.CI === 'true') throw new Error(text)
    process.stderr.write(`${text}\n`)
  }
  project.provide('environment', { libtorch, debian, packages })
}
