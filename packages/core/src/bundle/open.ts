import { platform } from '#platform'
import type { Artifact, ArtifactFile, LoadOptions } from '../backend.ts'
import { TensorferryError } from '../errors.ts'
import { detectFormat } from '../format/detect.ts'
import { readOnnxSummary } from '../format/onnx.ts'
import type { Signature } from '../signature.ts'
import type { Tensor } from '../tensor.ts'
import { type Expected, type Files, fileErrors, type OpenFile, UNCHECKED } from './files.ts'
import { type Manifest, type ManifestArtifact, type ManifestFile, parseManifest } from './manifest.ts'
import { requireSafePath } from './path.ts'
import { readSafetensors } from './safetensors.ts'

/** An artifact with what only its bundle knows. */
export interface OpenArtifact {
  readonly artifact: Artifact
  /** Key of the goldens' tolerance; null for a bare file. */
  readonly precision: string | null
  /** Looks into the model file: it is of the format its bundle names, and all its external data is listed. */
  check(options?: LoadOptions): Promise<void>
}

/** A bundle or bare model whose manifest has been read; model files are opened when a backend asks. */
export interface OpenModel {
  readonly where: string
  /** What went wrong while files were read, without stopping anything; grows. */
  readonly warnings: readonly string[]
  /** null: a bare model. */
  readonly manifest: Manifest | null
  readonly signature: Signature | null
  readonly artifacts: readonly OpenArtifact[]
  /** Content of a file the manifest lists. */
  read(file: ManifestFile, options?: LoadOptions): Promise<Uint8Array<ArrayBuffer>>
  /** The goldens' tensors, read once. */
  goldens(options?: LoadOptions): Promise<Map<string, Tensor>>
}

interface LazyFile {
  readonly file: ArtifactFile
  open(options?: LoadOptions): Promise<OpenFile>
}

function lazyFile(files: Files, path: string, relativePath: string, expected: Expected, isLocal: boolean): LazyFile {
  let opened: Promise<OpenFile> | undefined
  const open = (options?: LoadOptions): Promise<OpenFile> => {
    opened ??= (expected.sha256 === null ? files.openLatest(path, options) : files.open(path, expected, options)).catch(
      (error: unknown) => {
        opened = undefined
        throw error
      },
    )
    return opened
  }
  const file: ArtifactFile = {
    path: relativePath,
    size: expected.size,
    sha256: expected.sha256,
    bytes: async (options) => (await open(options)).bytes(options),
    ...(isLocal ? { localFile: async (options?: LoadOptions) => (await open(options)).openLocal?.(options) } : {}),
  }
  return { file, open }
}

function lazyFiles(
  files: Files,
  entries: readonly { path: string; relativePath: string; expected: Expected }[],
): LazyFile[] {
  // Downloads are named by their hash: a model with external data cannot be opened by path there.
  const isLocal = entries.length <= (files.mostLocal ?? 0)
  return entries.map(({ path, relativePath, expected }) => lazyFile(files, path, relativePath, expected, isLocal))
}

/** Opens a folder that holds a `bundle.json`; artifacts of a `bundle.local.json` beside it come after the bundle's own. */
export async function openBundle(files: Files, options?: LoadOptions): Promise<OpenModel> {
  if ((await files.has('bundle.json')) === false) {
    throw (await fileErrors()).noManifest(files.where)
  }
  const text = new TextDecoder().decode(await (await files.openLatest('bundle.json', options)).bytes())
  const manifest = parseManifest(text, `${files.where.replace(/\/$/, '')}/bundle.json`)
  const local = await platform.localArtifacts(files, manifest, options)
  const { dims, inputs, outputs, states } = manifest
  const read = async (file: ManifestFile, readOptions?: LoadOptions): Promise<Uint8Array<ArrayBuffer>> =>
    (await files.open(requireSafePath(file.path, 'bundle.json'), file, readOptions)).bytes()
  let goldens: Promise<Map<string, Tensor>> | undefined
  return {
    where: files.where,
    warnings: files.warnings ?? [],
    manifest,
    signature: { dims, inputs, outputs, states },
    artifacts: [
      ...manifest.artifacts.map((entry) => openArtifact(files, entry, null)),
      ...local.map(({ entry, stale }) => openArtifact(files, entry, stale)),
    ],
    read,
    goldens: (readOptions) => {
      goldens ??= manifest.goldens
        ? read(manifest.goldens.file, readOptions).then(readSafetensors)
        : Promise.resolve(new Map())
      return goldens
    },
  }
}

function openArtifact(files: Files, entry: ManifestArtifact, stale: string | null): OpenArtifact {
  const where = `artifact ${entry.name}`
  const model = requireSafePath(entry.files[0]!.path, where)
  const folder = model.slice(0, model.lastIndexOf('/') + 1)
  const lazy = lazyFiles(
    files,
    entry.files.map((file) => {
      const path = requireSafePath(file.path, where)
      if (!path.startsWith(folder)) {
        throw new TensorferryError('BUNDLE_INVALID', `${where}: ${path} must lie in the folder of ${model} or below`)
      }
      return { path, relativePath: path.slice(folder.length), expected: file }
    }),
  )
  const artifact: Artifact = {
    name: entry.name,
    format: entry.format,
    files: lazy.map(({ file }) => file) as [ArtifactFile, ...ArtifactFile[]],
    requires: entry.requires,
  }
  return {
    artifact,
    precision: entry.precision,
    async check(options) {
      if (stale) throw (await fileErrors()).staleArtifact(entry.name, stale)
      const { source } = await lazy[0]!.open(options)
      const format = await detectFormat(source, model)
      if (format !== entry.format) throw (await fileErrors()).otherFormat(where, entry.format, model, format)
      if (format !== 'onnx') return
      const listed = artifact.files.map((file) => file.path)
      for (const path of (await readOnnxSummary(source)).externalData) {
        if (!listed.includes(requireSafePath(path, `${model}: external data`))) {
          throw (await fileErrors()).unlistedData(where, model, path, listed)
        }
      }
    },
  }
}

/** Opens a bare model file; an ONNX file's external data is looked for beside it. */
export async function openBareModel(
  files: Files,
  path: string,
  options?: LoadOptions,
  where = `${files.where.replace(/\/$/, '')}/${path}`,
): Promise<OpenModel> {
  const model = await files.openLatest(path, options)
  const format = await detectFormat(model.source, where)
  const externalData = format === 'onnx' ? (await readOnnxSummary(model.source)).externalData : []
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const entries = [{ path, relativePath: path.slice(folder.length), expected: UNCHECKED }]
  for (const data of externalData) {
    const relativePath = await (await import('./external-data.ts')).findDataFile(files, data, path)
    entries.push({ path: folder + relativePath, relativePath, expected: UNCHECKED })
  }
  const lazy = lazyFiles(files, entries)
  return {
    where,
    warnings: files.warnings ?? [],
    manifest: null,
    signature: null,
    artifacts: [
      {
        artifact: {
          name: format,
          format,
          files: lazy.map(({ file }) => file) as [ArtifactFile, ...ArtifactFile[]],
          requires: {},
        },
        precision: null,
        check: async () => undefined,
      },
    ],
    read: async (file, readOptions) => (await files.open(file.path, file, readOptions)).bytes(),
    goldens: async () => new Map(),
  }
}
