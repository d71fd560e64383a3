import {
  type Artifact,
  type ArtifactFile,
  detectFormat,
  type LoadOptions,
  readOnnxSummary,
  sourceFromBytes,
  TensorferryError,
} from '@tensorferry/core'
import type { ModelBytes } from './messages.ts'

/** The files of a model, looked into and found to be complete. */
export interface ModelFiles {
  /** Bytes for one worker, to be transferred. */
  open(): Promise<ModelBytes>
}

/** What ONNX Runtime would only call a protobuf error; and which files of external data it will ask for. */
async function inspect(artifact: Artifact, bytes: Uint8Array<ArrayBuffer>): Promise<readonly string[]> {
  const source = sourceFromBytes(bytes)
  const format = await detectFormat(source)
  if (format !== 'onnx') {
    throw new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `${artifact.files[0].path} is a ${format} model, this backend reads onnx; use @tensorferry/backend-libtorch, or export to ONNX`,
      { details: { format, expected: 'onnx' } },
    )
  }
  return (await readOnnxSummary(source)).externalData
}

function normalize(path: string): string {
  return path.replaceAll('\\', '/').replace(/^(?:\.\/)+/, '')
}

async function findListed(
  artifact: Artifact,
  needed: readonly string[],
  hasManifest: boolean,
): Promise<readonly ArtifactFile[]> {
  const found: ArtifactFile[] = []
  for (const path of needed) {
    const file = artifact.files.find((candidate, index) => index > 0 && candidate.path === normalize(path))
    if (!file) throw (await import('./refuse-model.ts')).missingFile(artifact, path, hasManifest)
    found.push(file)
  }
  return found
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
  let first: Uint8Array<ArrayBuffer> | null = await modelFile.bytes(options)
  const external = await findListed(artifact, await inspect(artifact, first), hasManifest)
  return {
    async open() {
      const model = first ?? (await modelFile.bytes())
      first = null
      const externalData = await Promise.all(
        external.map(async (file) => ({ path: normalize(file.path), data: await file.bytes() })),
      )
      return { model, externalData }
    },
  }
}
