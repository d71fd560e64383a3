import { platform } from '#platform'
import type { LoadOptions } from '../backend.ts'
import type { LocateOptions } from '../platform/platform.ts'
import { isBlob, isBytes, tagOf } from '../tag-of.ts'
import type { AnyBundle } from './bundle-types.ts'
import { type Expected, memoryFiles } from './files.ts'
import { requireSha256, requireSize } from './integrity.ts'
import { type OpenModel, openBareModel, openBundle } from './open.ts'

/** A bundle whose names and shapes TypeScript knows. Made by {@link bundle}. */
export interface BundleSource<B extends AnyBundle = AnyBundle> {
  readonly source: UntypedSource
  /** For the type checker alone. */
  readonly types?: B
}

/** A bundle folder or URL, a model file, its URL or its bytes, or a bundle's files by path. */
export type UntypedSource = string | URL | Uint8Array | ArrayBuffer | Blob | ReadonlyMap<string, Uint8Array | Blob>

type FileMap = ReadonlyMap<string, Uint8Array | Blob>

/** What `loadModel` takes. */
export type ModelSource<B extends AnyBundle = AnyBundle> = UntypedSource | BundleSource<B>

/**
 * Gives a source its types, as `tensorferry types` writes them.
 *
 * @param source - a bundle folder, URL or map of files
 */
export function bundle<B extends AnyBundle>(source: UntypedSource): BundleSource<B> {
  return { source }
}

async function checkContent(content: Uint8Array | Blob, path: string, expected: Expected): Promise<void> {
  const bytes = isBytes(content) ? content : null
  const head = bytes ?? new Uint8Array(await (content as Blob).slice(0, 64).arrayBuffer())
  await requireSize(path, expected, bytes ? bytes.byteLength : (content as Blob).size, head)
  if (expected.sha256 !== null) await requireSha256(path, expected, await platform.sha256(content), head)
}

async function openMap(given: FileMap, options?: LoadOptions): Promise<OpenModel> {
  const { sortMap } = await import('./sort-map.ts')
  const { bundle: inside, model } = sortMap(given)
  if (inside) return openBundle(memoryFiles(inside, checkContent), options)
  if (model) return openBareModel(memoryFiles(model.files, checkContent), model.path, options)
  throw (await import('../load-argument-error.ts')).ambiguousMap([...given.keys()])
}

function isContent(value: unknown): value is Uint8Array | Blob {
  return isBytes(value) || isBlob(value)
}

function untyped(given: unknown): unknown {
  return typeof given === 'object' && given !== null && 'source' in given ? given.source : given
}

/** Whether `loadModel` can open it; what it holds is looked at later. */
export function isSource(given: unknown): given is ModelSource {
  const source = untyped(given)
  if (typeof source === 'string') return source !== ''
  const tag = tagOf(source)
  if (tag === 'Map') return [...(source as Map<string, unknown>).values()].every(isContent)
  return tag === 'URL' || tag === 'ArrayBuffer' || isContent(source)
}

/**
 * Opens what the caller passed to `loadModel`, which `isSource` has looked at.
 *
 * @throws TensorferryError `NOT_FOUND`, `BUNDLE_INVALID`, `INTEGRITY_FAILED`, `DOWNLOAD_FAILED`, `FORMAT_UNSUPPORTED`
 */
export async function openSource(given: ModelSource, options: LocateOptions & LoadOptions): Promise<OpenModel> {
  const source = untyped(given) as UntypedSource
  if (typeof source === 'string' || tagOf(source) === 'URL') {
    const located = await platform.locate(source as string | URL, options)
    return located.kind === 'folder'
      ? openBundle(located.files, options)
      : openBareModel(located.files, located.path, options)
  }
  const tag = tagOf(source)
  if (tag === 'Map') return openMap(source as FileMap, options)
  const content = tag === 'ArrayBuffer' ? new Uint8Array(source as ArrayBuffer) : (source as Uint8Array | Blob)
  const files = memoryFiles(new Map([['model', content]]), checkContent)
  return openBareModel(files, 'model', options, 'bytes in memory')
}
