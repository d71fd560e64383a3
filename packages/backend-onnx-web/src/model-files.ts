import { type Artifact, type LoadOptions, sourceFromBytes } from '@tensorferry/core'
import { findExternalData } from '@tensorferry/onnx-shared/model-files'
import type { ModelBytes } from './messages.ts'

/** The files of a model, looked into and found to be complete. */
export interface ModelFiles {
  /** Bytes for one worker, to be transferred. */
  open(): Promise<ModelBytes>
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
  const external = await findExternalData(artifact, sourceFromBytes(first), hasManifest)
  return {
    async open() {
      const model = first ?? (await modelFile.bytes())
      first = null
      const externalData = await Promise.all(
        external.map(async ({ name, file }) => ({ path: name, data: await file.bytes() })),
      )
      return { model, externalData }
    },
  }
}
