import { type Artifact, type ByteSource, detectFormat, type LoadOptions, TensorferryError } from '@tensorferry/core'
import { readEntry } from '../aot/read-entry.ts'
import { type ModelSource, openModelSource } from '../model-source.ts'
import type { ResolvedOptions } from '../options.ts'
import { isPinned, isTrusted } from '../trust.ts'
import { type CodeDevice, type CodeEntry, findDevices, mapCode, readCode, refuseOptimized } from './archive-code.ts'
import { checkArchive } from './check-archive.ts'
import { renameDevices } from './pickle-devices.ts'
import { replaceEntries } from './replace-entries.ts'
import type { ZipEntry } from './zip-directory.ts'

/** Where the addon reads the model. */
type ModelFile = { readonly path: string } | { readonly bytes: Uint8Array<ArrayBuffer> }

/** A file that was looked into. */
export interface OpenedModel {
  readonly file: ModelFile
  /** Places in its code that name a device; none once they are mapped. */
  readonly devices: readonly CodeDevice[]
  readonly code: readonly CodeEntry[]
  /** The caller has said that all of it may run. */
  readonly trusted: boolean
  /**
   * Once libtorch has read it: whether it is the listed file.
   *
   * @throws TensorferryError `INTEGRITY_FAILED`
   */
  confirm(): Promise<void>
}

/** libtorch would call everything that is wrong "checkpoint corrupted". */
async function inspect(path: string, source: ByteSource, isListed: boolean): Promise<readonly ZipEntry[]> {
  const format = await detectFormat(source)
  if (format !== 'torchscript') {
    throw new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `${path} is ${format === 'onnx' ? 'an ONNX' : 'an AOTInductor'} model, not TorchScript; ${format === 'onnx' ? 'use @tensorferry/backend-onnx-node' : 'pass it under its own format'}`,
      { details: { format, expected: 'torchscript' } },
    )
  }
  return checkArchive(source, path, isListed)
}

/** The archive with `device` in place of every one that its code and its attributes name; null: they name no other. */
async function mapDevices(
  source: ByteSource,
  entries: readonly ZipEntry[],
  code: readonly CodeEntry[],
  device: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const changed = new Map<string, Uint8Array>()
  const change = (name: string, content: Uint8Array | null): void => {
    if (content) changed.set(name, content)
  }
  for (const { entry, content } of code) change(entry.name, mapCode(content, device))
  for (const entry of entries) {
    if (!/^[^/]*\/(data|constants)\.pkl$/.test(entry.name)) continue
    const rename = (name: string): string => (name === 'meta' ? name : device)
    change(entry.name, renameDevices(await readEntry(source, entry), rename))
  }
  return changed.size === 0 ? null : replaceEntries(await source.read(0, source.size), entries, changed)
}

/**
 * Looks into a TorchScript file before libtorch does.
 *
 * @throws TensorferryError `NOT_FOUND`, `INTEGRITY_FAILED`, `FORMAT_UNSUPPORTED` saying what the file is instead, or that it
 *   is damaged
 */
export async function openModelFile(
  artifact: Artifact,
  options: Pick<ResolvedOptions, 'device' | 'mapDevices' | 'trust'>,
  loadOptions: LoadOptions,
): Promise<OpenedModel> {
  const model = await openModelSource(artifact, loadOptions, isPinned(options.trust))
  try {
    const opened = await lookInto(artifact.files[0].path, model, options)
    // Code that may do anything, and a copy that is not read again.
    if (opened.trusted || 'bytes' in opened.file) await model.confirm()
    return opened
  } catch (error) {
    // That it is damaged says more.
    await model.confirm()
    throw error
  }
}

async function lookInto(
  name: string,
  { source, path, bytes, isListed, confirm }: ModelSource,
  options: Pick<ResolvedOptions, 'device' | 'mapDevices' | 'trust'>,
): Promise<OpenedModel> {
  const entries = await inspect(name, source, isListed)
  const code = await readCode(source, entries)
  refuseOptimized(name, code)
  const mapped = options.mapDevices ? await mapDevices(source, entries, code, options.device) : null
  const trusted = isTrusted(options.trust, bytes)
  if (mapped) return { file: { bytes: mapped }, devices: [], code, trusted, confirm }
  return { file: bytes ? { bytes } : { path: path! }, devices: findDevices(code), code, trusted, confirm }
}
