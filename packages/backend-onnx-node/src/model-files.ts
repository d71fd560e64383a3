import { dirname, resolve } from 'node:path'
import {
  type Artifact,
  type ArtifactFile,
  type ByteSource,
  detectFormat,
  type LoadOptions,
  readOnnxSummary,
  sourceFromBytes,
  TensorferryError,
} from '@tensorferry/core'
import { openFileSource } from '@tensorferry/core/node'
import type { ModelData } from './messages.ts'

/** The files of a model, looked into and found to be complete. */
export interface ModelFiles {
  /** For one replica: paths where the files are on disk, else bytes of its own, to be transferred. */
  open(): Promise<ModelData>
}

/** What ONNX Runtime would only call a protobuf error; and which files of external data it will ask for. */
async function inspect(artifact: Artifact, source: ByteSource): Promise<readonly string[]> {
  const format = await detectFormat(source)
  if (format !== 'onnx') {
    throw new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `${artifact.files[0].path} is a ${format} model, this backend reads onnx; use @tensorferry/backend-libtorch, or export to ONNX`,
      { details: { format, expected: 'onnx' } },
    )
  }
  const { externalData } = await readOnnxSummary(source)
  return externalData
}

function normalize(path: string): string {
  return path.replaceAll('\\', '/').replace(/^(?:\.\/)+/, '')
}

function findListed(artifact: Artifact, needed: readonly string[], hasManifest: boolean): ArtifactFile[] {
  return needed.map((path) => {
    const file = artifact.files.find((candidate, index) => index > 0 && candidate.path === normalize(path))
    if (file) return file
    const listed = artifact.files.map((candidate) => candidate.path)
    throw new TensorferryError(
      hasManifest ? 'BUNDLE_INVALID' : 'NOT_FOUND',
      `${artifact.files[0].path} keeps weights in ${JSON.stringify(path)}, which is not among its files (${listed.join(', ')}); ` +
        (hasManifest ? "list it in the artifact's files" : 'put it beside the model under that name'),
      { details: { missing: path, listed } },
    )
  })
}

/**
 * Looks into a model's files before ONNX Runtime does.
 *
 * @param hasManifest - whether a bundle lists the files, or they were found beside a bare one
 * @throws TensorferryError `FORMAT_UNSUPPORTED` for what is no ONNX model, `NOT_FOUND` or `BUNDLE_INVALID` for missing external data
 */
export async function inspectModelFiles(
  artifact: Artifact,
  hasManifest: boolean,
  options: LoadOptions,
): Promise<ModelFiles> {
  const [modelFile] = artifact.files
  const path = await modelFile.localPath?.(options)
  const read = (file: ArtifactFile): Promise<Uint8Array<ArrayBuffer>> => file.bytes(options)

  if (path === undefined) {
    let first: Uint8Array<ArrayBuffer> | null = await read(modelFile)
    const external = findListed(artifact, await inspect(artifact, sourceFromBytes(first)), hasManifest)
    return {
      async open() {
        const model = first ?? (await read(modelFile))
        first = null
        return { model, externalData: await readAll(external, read) }
      },
    }
  }

  const needed = await inspect(artifact, await openFileSource(path))
  const external = findListed(artifact, needed, hasManifest)
  // ONNX Runtime maps siblings into memory by itself: better than a copy. What lies elsewhere is handed over.
  const elsewhere: ArtifactFile[] = []
  for (const file of external) {
    if ((await file.localPath?.(options)) !== resolve(dirname(path), file.path)) elsewhere.push(file)
  }
  return { open: async () => ({ model: path, externalData: await readAll(elsewhere, read) }) }
}

function readAll(
  files: readonly ArtifactFile[],
  read: (file: ArtifactFile) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<ModelData['externalData']> {
  return Promise.all(files.map(async (file) => ({ path: file.path, data: await read(file) })))
}
