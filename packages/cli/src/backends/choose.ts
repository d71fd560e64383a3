import { type Backend, TensorferryError } from '@tensorferry/core'
import { findConfig } from './config.ts'
import { type FoundBackend, findInstalledBackends } from './find.ts'
import { KNOWN_BACKENDS, packageName } from './known.ts'
import { type FactoryOptions, loadBackend, requireBackend } from './load.ts'

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
  const value = text.slice(at + 1)
  try {
    return [text.slice(0, at), JSON.parse(value)]
  } catch {
    return [text.slice(0, at), value]
  }
}

/** The settings that the options give to a factory. */
export function factoryOptions({ provider, threads, backendOption = [] }: BackendOptions): FactoryOptions {
  return {
    ...(provider === undefined ? {} : { provider: provider.includes(',') ? provider.split(',') : provider }),
    ...(threads === undefined ? {} : { threads }),
    ...Object.fromEntries(backendOption.map(parseSetting)),
  }
}

/** What was asked for, else the config's, else every installed one. */
export function chooseBackends(options: BackendOptions): { chosen: readonly ChosenBackend[]; from: string } {
  const settings = factoryOptions(options)
  if (options.backend?.length) {
    const names = options.backend.flatMap((name) => name.split(','))
    return { chosen: names.map((name) => ({ found: requireBackend(name), options: settings })), from: '--backend' }
  }
  const config = findConfig()
  if (config) {
    const chosen = config.backends.map(([name, own]) => ({
      found: requireBackend(name),
      options: { ...own, ...settings },
    }))
    return { chosen, from: config.from }
  }
  return { chosen: installedBackends(settings), from: 'what is installed' }
}

/**
 * Every installed backend.
 *
 * @throws TensorferryError `BACKEND_NOT_INSTALLED` when there is none, with the command
 */
export function installedBackends(settings: FactoryOptions): readonly ChosenBackend[] {
  const installed = findInstalledBackends()
  if (installed.length > 0) return installed.map((found) => ({ found, options: settings }))
  const commands = KNOWN_BACKENDS.map((name) => `npm install ${packageName(name)}`).join(', or ')
  throw new TensorferryError(
    'BACKEND_NOT_INSTALLED',
    `no backend is installed here; run: ${commands}; npx tensorferry init sets a project up`,
  )
}

/** The backends as values, for `loadModel`, which tries them in order. */
export async function loadChosen(chosen: readonly ChosenBackend[]): Promise<readonly Backend[]> {
  const backends: Backend[] = []
  let firstError: unknown
  for (const { found, options } of chosen) {
    try {
      backends.push(await loadBackend(found, options))
    } catch (error) {
      firstError ??= error
    }
  }
  // A list is a list of alternatives; with none of them left, the first reason is the one to know.
  if (backends.length === 0) throw firstError
  return backends
}
