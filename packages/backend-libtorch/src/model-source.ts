import { type Artifact, type ByteSource, type LoadOptions, sourceFromBytes } from '@tensorferry/core'

/** A model file that can be read. */
export interface ModelSource {
  readonly source: ByteSource
  /** Where it lies; null: its content is in `bytes`. */
  readonly path: string | null
  readonly bytes: Uint8Array<ArrayBuffer> | null
  /** Whether its bundle vouches for the content. */
  readonly isListed: boolean
  /**
   * Whether what was read is the listed content; waits for its hash, which is computed meanwhile.
   *
   * @throws TensorferryError `INTEGRITY_FAILED`
   */
  confirm(): Promise<void>
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
  const isListed = file.sha256 !== null
  const local = inMemory ? undefined : await file.localFile?.(options)
  if (local) return { source: local.source, path: local.path, bytes: null, isListed, confirm: local.confirm }
  const bytes = await file.bytes(options)
  return { source: sourceFromBytes(bytes), path: null, bytes, isListed, confirm: async () => undefined }
}
