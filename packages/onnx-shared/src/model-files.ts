import { type Artifact, type ArtifactFile, type ByteSource, detectFormat, readOnnxSummary } from '@tensorferry/core'
import { errorOf } from './problem.ts'

/** A file of external data that ONNX Runtime will ask for. */
export interface ExternalFile {
  /** As the model writes it, and ONNX Runtime asks for it. */
  readonly name: string
  readonly file: ArtifactFile
}

/**
 * Looks into a model before ONNX Runtime does, which would only call what is wrong with it a protobuf error.
 *
 * @param source - the model file
 * @param hasManifest - whether a bundle lists the files, or they were found beside a bare one
 * @returns the files of external data that ONNX Runtime will ask for
 * @throws TensorferryError `FORMAT_UNSUPPORTED` for what is no ONNX model, `NOT_FOUND` or `BUNDLE_INVALID` for missing external data
 */
export async function findExternalData(
  artifact: Artifact,
  source: ByteSource,
  hasManifest: boolean,
): Promise<readonly ExternalFile[]> {
  const format = await detectFormat(source)
  if (format !== 'onnx') throw errorOf((await import('./refusals.ts')).wrongFormat(artifact, format))
  const { externalData } = await readOnnxSummary(source)
  if (externalData.length === 0) return []
  const found = (await import('./external-files.ts')).externalFiles(artifact, externalData, hasManifest)
  if ('code' in found) throw errorOf(found)
  return found
}
