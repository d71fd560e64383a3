import { existsSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Backend } from '../backend.ts'
import { notBackend } from '../backend-errors.ts'
import { describeGiven } from '../describe-given.ts'
import { TensorferryError } from '../errors.ts'
import { installAdvice } from '../known-backends.ts'
import { requireBackend } from '../require-backend.ts'
import { requireFrom } from './require-from.ts'

function isPath(name: string): boolean {
  return /^\.{1,2}([/\\]|$)/.test(name) || isAbsolute(name)
}

function notInstalled(name: string, folders: readonly string[]): TensorferryError {
  const details = { backend: name, folders }
  if (isPath(name)) {
    const files = [...new Set(folders.map((folder) => resolve(folder, name)))].join(' nor ')
    return new TensorferryError('BACKEND_NOT_INSTALLED', `backend ${JSON.stringify(name)}: there is no file ${files}`, {
      details,
    })
  }
  const looked = `backend ${JSON.stringify(name)} is not installed (looked from ${folders.join(' and ')})`
  const file = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  const advice = file ? `for the file ${file} write ${JSON.stringify(`./${name}`)}` : installAdvice(name)
  return new TensorferryError('BACKEND_NOT_INSTALLED', `${looked}; ${advice}`, { details })
}

/** Absolute path of the module; names are resolved from the app, never from inside core, which pnpm's layouts do not allow. */
function resolveModule(name: string, folder: string): string {
  const script = process.argv[1]
  const folders = [...new Set([folder, ...(script ? [dirname(resolve(script))] : [])])]
  for (const from of folders) {
    try {
      return requireFrom(join(from, 'package.json')).resolve(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
        throw notBackend(name, undefined, 'its package.json exports nothing under "default" or "require"')
      }
    }
  }
  throw notInstalled(name, folders)
}

/** Imports a module and calls the factory that it exports. */
async function callFactory(name: string, path: string, options: unknown): Promise<unknown> {
  let module: { readonly default?: unknown }
  try {
    module = await import(/* webpackIgnore: true */ pathToFileURL(path).href)
  } catch (cause) {
    const state = isPath(name) ? 'cannot be imported' : 'is installed and fails to load'
    throw new TensorferryError('BACKEND_UNAVAILABLE', `${name} ${state}: ${(cause as Error)?.message ?? cause}`, {
      cause,
      details: { backend: name, path },
    })
  }
  const factory = module.default
  if (typeof factory !== 'function') {
    const names = Object.keys(module)
      .filter((one) => one !== 'default')
      .slice(0, 5)
    const got =
      factory === undefined
        ? `it exports ${names.join(', ') || 'nothing'} and no default`
        : `its default export is ${describeGiven(factory)}, not a factory`
    throw notBackend(name, undefined, got)
  }
  try {
    return await factory(options)
  } catch (cause) {
    if (TensorferryError.is(cause)) throw cause
    const error = notBackend(
      name,
      undefined,
      `its default export, called as a factory, threw ${cause instanceof Error ? `${cause.name}: ${cause.message}` : describeGiven(cause)}`,
    )
    throw new TensorferryError(error.code, error.message, { cause, details: { ...error.details, path } })
  }
}

/**
 * Finds a backend's package or file, imports it and calls its factory.
 *
 * @returns what the factory gave
 * @throws TensorferryError `BACKEND_NOT_INSTALLED` naming the folders that were tried, `BACKEND_UNAVAILABLE` when the
 *   module fails to load, `BACKEND_INCOMPATIBLE` when it is no backend; the factory's own typed error
 */
export async function importBackend(name: string, options: unknown, folder: string): Promise<unknown> {
  if (isBuiltin(name)) throw notBackend(name, undefined, 'it is a module of Node')
  return callFactory(name, resolveModule(name.startsWith('file:') ? fileURLToPath(name) : name, folder), options)
}

/**
 * Imports a backend whose module was found already, and calls its factory.
 *
 * @param name - as messages call it
 * @param path - absolute path of the module
 * @throws TensorferryError `BACKEND_UNAVAILABLE` when it fails to load, `BACKEND_INCOMPATIBLE` when it is no backend; the
 *   factory's own typed error
 */
export async function openBackend(name: string, path: string, options: unknown): Promise<Backend> {
  return requireBackend(name, await callFactory(name, path, options))
}
