/** Random access to a file that may be too large for memory. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number
  /** Exactly `length` bytes from `offset`; the caller asks only for what lies inside. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** Bytes in memory as a source; nothing is copied. */
export function sourceFromBytes(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.byteLength,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
}

/** A Blob or File as a source; only the asked ranges are read. */
export function sourceFromBlob(blob: Blob): ByteSource {
  return {
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  }
}
