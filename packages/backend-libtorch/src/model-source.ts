import { type Artifact, type ByteSource, type LoadOptions, sourceFromBytes } from '@tensorferry/core'
import { openFileSource } from '@tensorferry/core/node'

/** A model file that can be read. */
export interface ModelSource {
  readonly source: ByteSource
  /** Where it lies; null: its content is in `bytes`. */
  readonly path: string | null
  readonly bytes: Uint8Array<ArrayBuffer> | null
}

/**
 * Opens an artifact's first file: on disk where it lies there, else its content.
 *
 * @param inMemory - its content in any case, so that what is checked is what is used
 * @throws TensorferryError `NOT_FOUND`, and what reading it throws
 */
export async function openModelSource(
  { files: [file] }: Artifact,
  options: LoadOptions,
  inMemory = false,
): Promise<ModelSource> {
  const path = inMemory ? undefined : await file.localPath?.(options)
  if (path !== undefined) return { source: await openFileSource(path), path, bytes: null }
  const bytes = await file.bytes(options)
  return { source: sourceFromBytes(bytes), path: null, bytes }
}
