import { type BackendEntry, TensorferryError } from '@tensorferry/core'
import { findBackendConfig, PUBLISHED_BACKENDS } from '@tensorferry/core/node'
import { firstWritten, parseExactJson } from '../exact-json.ts'
import { type FoundBackend, findBackend, findInstalledBackends } from './find.ts'
import { packageName, runsUnasked } from './known.ts'
import { type FactoryOptions, loadBackend, requireInstalled } from './load.ts'

/** How the command line names backends and their settings. */
export interface BackendOptions {
  /** By name, package or path, in order of preference. */
  readonly backend?: readonly string[]
  readonly provider?: string
  readonly threads?: number
  /** `key=value` for the factory. */
  readonly backendOption?: readonly string[]
}

/** A backend that was asked for, or found, with its settings. */
export interface ChosenBackend {
  readonly found: FoundBackend
  readonly options: FactoryOptions
}

/** `threads=2` to a number, `trust=native-code` to a text, `freeze=true` to a boolean, JSON to what it says. */
function parseSetting(text: string): readonly [string, unknown] {
  const at = text.indexOf('=')
  if (at < 1) {
    throw new TensorferryError('OPTIONS_INVALID', `--backend-option: expected key=value, got ${JSON.stringify(text)}`)
  }
  const key = text.slice(0, at)
  const value = text.slice(at + 1)
  let parsed: unknown
  try {
    parsed = parseExactJson(value)
  } catch {
    return [key, value]
  }
  const written = firstWritten(parsed)
  if (written === null) return [key, parsed]
  throw new TensorferryError(
    'OPTIONS_INVALID',
    `--backend-option ${key}: expected a number up to 2^53, got ${written}; as a text it is ${key}='"${written}"'`,
    { details: { option: key, written } },
  )
}

/** The settings that the options give to a factory. */
export function factoryOptions({ provider, threads, backendOption = [] }: BackendOptions): FactoryOptions {
  return {
    ...(provider === undefined ? {} : { provider: provider.includes(',') ? provider.split(',') : provider }),
    ...(threads === undefined ? {} : { threads }),
    ...Object.fromEntries(backendOption.map(parseSetting)),
  }
}

const namesOf = ({ backend = [] }: BackendOptions): readonly string[] => backend.flatMap((name) => name.split(','))

/**
 * Every backend that was asked for, else every installed one with the options that the config gives it.
 *
 * @throws TensorferryError `BACKEND_NOT_INSTALLED` when one that was asked for is missing, or there is none at all
 */
export async function askedBackends(options: BackendOptions): Promise<readonly ChosenBackend[]> {
  const settings = factoryOptions(options)
  const names = namesOf(options)
  if (names.length > 0) {
    return Promise.all(names.map(async (name) => ({ found: await requireInstalled(name), options: settings })))
  }
  const configured = (await findBackendConfig())?.backends ?? []
  const own = new Map<string | undefined, unknown>()
  for (const [name, given] of configured) own.set((await findBackend(name))?.path, given)
  const installed = (await findInstalledBackends()).filter((one) => runsUnasked(one.package) || own.has(one.path))
  if (installed.length === 0) throw noneInstalled()
  return installed.map((found) => ({ found, options: { ...(own.get(found.path) ?? {}), ...settings } }))
}

function noneInstalled(): TensorferryError {
  const commands = PUBLISHED_BACKENDS.map((name) => `npm install ${name}`).join(', or ')
  return new TensorferryError(
    'BACKEND_NOT_INSTALLED',
    `no backend is installed here; run: ${commands}; npx tensorferry init sets a project up`,
  )
}

/**
 * Backends in order of preference, for `loadModel`: those of `--backend`, else the config's, else what is installed. Of a
 * list, those that are missing or broken are left to `loadModel`, which reports them and takes the next.
 *
 * @throws TensorferryError of the only one
 */
export async function preferredBackends(options: BackendOptions): Promise<readonly BackendEntry[]> {
  const settings = factoryOptions(options)
  const names = namesOf(options)
  const wanted: readonly (readonly [string, unknown?])[] =
    names.length > 0 ? names.map((name) => [name]) : ((await findBackendConfig())?.backends ?? [])
  if (wanted.length === 0) {
    const installed = await askedBackends(options)
    return Promise.all(installed.map((one) => loadOrName(one.found.package, one.options, installed.length === 1)))
  }
  return Promise.all(
    wanted.map(([name, own]) => loadOrName(name, { ...(own ?? {}), ...settings }, wanted.length === 1)),
  )
}

async function loadOrName(name: string, options: FactoryOptions, isOnly: boolean): Promise<BackendEntry> {
  try {
    return await loadBackend(await requireInstalled(name), options)
  } catch (error) {
    if (isOnly || TensorferryError.is(error, 'OPTIONS_INVALID')) throw error
    return [packageName(name), options]
  }
}
