import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ModelSource, TensorferryError } from '@tensorferry/core'
import { readRegular } from '@tensorferry/core/node'
import type { ResolvedModelOptions } from '../options.ts'

/** One version of one model, before it is loaded. */
export interface ModelTarget {
  /** Told apart by it from one look at the disk to the next. */
  readonly id: string
  readonly name: string
  /** The bundle may say another name once it is read; false: it was given by the options or by the folder of its versions. */
  readonly isNameOpen: boolean
  /** null: what the bundle says. */
  readonly version: string | null
  readonly source: ModelSource
  /** Absolute; null: not on disk. */
  readonly path: string | null
}

const VERSION_FOLDER = /^[1-9]\d*$/
const MODEL_FILE = /^model\.(onnx|pt|pt2)$/

function localPath(source: ModelSource): string | null {
  if (source instanceof URL) return source.protocol === 'file:' ? fileURLToPath(source) : null
  if (typeof source === 'object' && 'source' in source) return localPath(source.source)
  if (typeof source !== 'string') return null
  if (source.startsWith('file:')) return fileURLToPath(source)
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(source) ? null : resolve(source)
}

const nameOfFile = (path: string): string => basename(path, extname(path))

function nameOfUrl(source: ModelSource): string {
  if (typeof source !== 'string' && !(source instanceof URL)) return 'model'
  const parts = new URL(source).pathname.split('/').filter((part) => part !== '' && part !== 'bundle.json')
  return nameOfFile(parts.at(-1) ?? 'model')
}

/** The name that a bundle gives itself; its folder's until it can be read: what is wrong with it is said when it is loaded. */
async function nameOfBundle(folder: string): Promise<string> {
  try {
    const { name } = JSON.parse(String(await readRegular(join(folder, 'bundle.json')))) as { name?: unknown }
    return typeof name === 'string' ? name : basename(folder)
  } catch {
    return basename(folder)
  }
}

/** A folder's bundle, or the one model file in it; null: neither. */
async function modelIn(folder: string): Promise<{ path: string; isBundle: boolean } | null> {
  const files = await readdir(folder)
  if (files.includes('bundle.json')) return { path: folder, isBundle: true }
  const models = files.filter((file) => MODEL_FILE.test(file))
  return models.length === 1 ? { path: join(folder, models[0]!), isBundle: false } : null
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort()
  // A link that leads nowhere is no folder.
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => null)))
  return names.filter((_, index) => found[index]?.isDirectory())
}

async function versionsIn(folder: string, name: string | null): Promise<readonly ModelTarget[]> {
  const targets: ModelTarget[] = []
  for (const version of (await foldersIn(folder)).filter((one) => VERSION_FOLDER.test(one))) {
    const found = await modelIn(join(folder, version))
    if (!found) continue
    const { path } = found
    targets.push({ id: path, name: name ?? basename(folder), isNameOpen: false, version, source: path, path })
  }
  return targets
}

async function inFolder(
  folder: string,
  { name, version, source }: ResolvedModelOptions,
): Promise<readonly ModelTarget[]> {
  const own = await modelIn(folder)
  if (own) {
    const ownName = name ?? (own.isBundle ? await nameOfBundle(folder) : basename(folder))
    const isNameOpen = name === null && own.isBundle
    const usedSource = own.isBundle ? source : own.path
    return [{ id: own.path, name: ownName, isNameOpen, version, source: usedSource, path: own.path }]
  }
  const versions = await versionsIn(folder, name)
  if (versions.length > 0) return versions
  const models: ModelTarget[] = []
  for (const child of await foldersIn(folder)) {
    const path = join(folder, child)
    const found = await modelIn(path)
    if (found) {
      const childName = found.isBundle ? await nameOfBundle(path) : child
      models.push({
        id: found.path,
        name: childName,
        isNameOpen: found.isBundle,
        version: null,
        source: found.path,
        path: found.path,
      })
    } else models.push(...(await versionsIn(path, null)))
  }
  if (models.length === 0) {
    throw new TensorferryError(
      'NOT_FOUND',
      `no model in ${folder}: expected bundle.json, a model.onnx or model.pt, folders 1, 2, … for versions, or folders of models`,
      { details: { folder } },
    )
  }
  if (name !== null) {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `${name}=${folder}: the folder holds several models, which have names of their own; leave ${name}= out`,
      { details: { folder, name } },
    )
  }
  return models
}

async function lookInto(folder: string, options: ResolvedModelOptions): Promise<readonly ModelTarget[]> {
  try {
    return await inFolder(folder, options)
  } catch (cause) {
    if (TensorferryError.is(cause)) throw cause
    throw new TensorferryError('NOT_FOUND', `cannot look for models in ${folder}: ${(cause as Error).message}`, {
      details: { folder },
      cause,
    })
  }
}

/**
 * The models that a source stands for: a bundle or file is one; a folder of versions (`1`, `2`, as Triton has them) is one
 * for each; a folder of bundles is all of them.
 *
 * @throws TensorferryError `NOT_FOUND`, `OPTIONS_INVALID`
 */
export async function findModels(options: ResolvedModelOptions): Promise<readonly ModelTarget[]> {
  const { source, name, version } = options
  const path = localPath(source)
  if (path === null) {
    const id = typeof source === 'string' || source instanceof URL ? String(source) : (name ?? 'model')
    return [{ id, name: name ?? nameOfUrl(source), isNameOpen: name === null, version, source, path }]
  }
  const found = await stat(path).catch(() => null)
  if (!found) throw new TensorferryError('NOT_FOUND', `no file or folder ${path}`, { details: { path } })
  const folder = found.isDirectory() ? path : basename(path) === 'bundle.json' ? dirname(path) : null
  if (folder !== null) return lookInto(folder, options)
  return [{ id: path, name: name ?? nameOfFile(path), isNameOpen: false, version, source, path }]
}
