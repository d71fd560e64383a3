import type { Artifact, ModelFormat } from '@tensorferry/core'
import type { Problem } from './problem.ts'

// A backend of browsers loads these when a model is refused: an app whose models work does without.

/** A session was asked for something that is no ONNX artifact. */
export function wrongArtifact(backend: string, artifact: Artifact | undefined): Problem {
  const code = 'BACKEND_INCOMPATIBLE'
  if (!artifact) {
    return { code, message: `${backend} runs a model file and was given none; pass a model`, details: { backend } }
  }
  return {
    code,
    message: `${backend} reads onnx, artifact ${JSON.stringify(artifact.name)} is ${artifact.format}; choose another artifact or backend`,
    details: { format: artifact.format, expected: ['onnx'] },
  }
}

/** The file of an ONNX artifact is a model of another format. */
export function wrongFormat({ files }: Artifact, format: ModelFormat): Problem {
  return {
    code: 'FORMAT_UNSUPPORTED',
    message: `${files[0].path} is a ${format} model, this backend reads onnx; use @tensorferry/backend-libtorch, or export to ONNX`,
    details: { format, expected: 'onnx' },
  }
}

/**
 * External data that is not among a model's files.
 *
 * @param hasManifest - whether a bundle lists the files, or they were found beside a bare one
 */
export function missingFile({ files }: Artifact, path: string, hasManifest: boolean): Problem {
  const listed = files.map((file) => file.path)
  return {
    code: hasManifest ? 'BUNDLE_INVALID' : 'NOT_FOUND',
    message:
      `${files[0].path} keeps weights in ${JSON.stringify(path)}, which is not among its files (${listed.join(', ')}); ` +
      (hasManifest ? "list it in the artifact's files" : 'put it beside the model under that name'),
    details: { missing: path, listed },
  }
}
