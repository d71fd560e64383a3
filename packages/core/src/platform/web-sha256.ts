import { tagOf } from '../tag-of.ts'

/** Above this, a file is hashed piece by piece: Web Crypto takes it whole alone, which doubles the memory. Bytes. */
const MOST_AT_ONCE = 2 ** 29

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** sha256 in lower-case hex; without Web Crypto, which plain http lacks, and for large files in plain TypeScript. */
export async function sha256(content: Uint8Array | Blob): Promise<string> {
  const isBlob = tagOf(content) !== 'Uint8Array'
  const size = isBlob ? (content as Blob).size : (content as Uint8Array).byteLength
  if (globalThis.crypto?.subtle && (!isBlob || size <= MOST_AT_ONCE)) {
    const bytes = isBlob ? await (content as Blob).arrayBuffer() : (content as Uint8Array<ArrayBuffer>)
    return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
  }
  const { Sha256 } = await import('./sha256.ts')
  const hash = new Sha256()
  if (!isBlob) hash.update(content as Uint8Array)
  else {
    const reader = (content as Blob).stream().getReader()
    for (let read = await reader.read(); !read.done; read = await reader.read()) hash.update(read.value)
  }
  return hex(hash.digest())
}
