import { type Artifact, type ByteSource, detectFormat, type LoadOptions, TensorferryError } from '@tensorferry/core'
import { openModelSource } from '../model-source.ts'
import { checkArchive } from './check-archive.ts'

/** Where the addon reads the model. */
export type ModelFile = { readonly path: string } | { readonly bytes: Uint8Array<ArrayBuffer> }

/** libtorch would call everything that is wrong "checkpoint corrupted". */
async function inspect(artifact: Artifact, source: ByteSource): Promise<void> {
  const format = await detectFormat(source)
  if (format !== 'torchscript') {
    throw new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `${artifact.files[0].path} is ${format === 'onnx' ? 'an ONNX' : 'an AOTInductor'} model, not TorchScript; ${format === 'onnx' ? 'use @tensorferry/backend-onnx-node' : 'pass it under its own format'}`,
      { details: { format, expected: 'torchscript' } },
    )
  }
  await checkArchive(source, artifact.files[0].path)
}

/**
 * Looks into a TorchScript file before libtorch does.
 *
 * @throws TensorferryError `NOT_FOUND`, `FORMAT_UNSUPPORTED` saying what the file is instead, or that it is damaged
 */
export async function openModelFile(artifact: Artifact, options: LoadOptions): Promise<ModelFile> {
  const { source, path, bytes } = await openModelSource(artifact, options)
  await inspect(artifact, source)
  return bytes ? { bytes } : { path: path! }
}
