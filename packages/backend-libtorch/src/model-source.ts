import { type FileHandle, open } from 'node:fs/promises'
import { type Artifact, type ByteSource, type LoadOptions, sourceFromBytes, TensorferryError } from '@tensorferry/core'

/** A model file that is open for reading. */
export interface ModelSource {
  readonly source: ByteSource
  /** Where it lies; null: its content is in `bytes`. */
  readonly path: string | null
  readonly bytes: Uint8Array<ArrayBuffer> | null
  close(): Promise<void>
}

function sourceFromHandle(handle: FileHandle, size: number): ByteSource {
  return {
    size,
    async read(offset, length) {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    },
  }
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
  if (path === undefined) {
    const bytes = await file.bytes(options)
    return { source: sourceFromBytes(bytes), path: null, bytes, close: async () => {} }
  }
  let handle: FileHandle
  try {
    handle = await open(path)
  } catch (cause) {
    throw new TensorferryError('NOT_FOUND', `the model file ${JSON.stringify(path)} cannot be opened`, {
      details: { path },
      cause,
    })
  }
  const source = sourceFromHandle(handle, (await handle.stat()).size)
  return { source, path, bytes: null, close: () => handle.close() }
}
