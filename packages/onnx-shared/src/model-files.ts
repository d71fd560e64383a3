import { type Artifact, type ArtifactFile, type ByteSource, detectFormat, readOnnxSummary } from '@tensorferry/core'
import { errorOf } from './problem.ts'

function normalize(path: string): string {
  return path.replaceAll('\\', '/').replace(/^(?:\.\/)+/, '')
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
): Promise<readonly ArtifactFile[]> {
  const format = await detectFormat(source)
  if (format !== 'onnx') throw errorOf((await import('./refusals.ts')).wrongFormat(artifact, format))
  const found: ArtifactFile[] = []
  for (const path of (await readOnnxSummary(source)).externalData) {
    const file = artifact.files.find((candidate, index) => index > 0 && candidate.path === normalize(path))
    if (!file) throw errorOf((await import('./refusals.ts')).missingFile(artifact, path, hasManifest))
    found.push(file)
  }
  return found
}
