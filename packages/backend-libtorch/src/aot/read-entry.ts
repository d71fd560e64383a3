import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import { type ByteSource, TensorferryError } from '@tensorferry/core'
import type { ZipEntry } from '../torchscript/zip-directory.ts'

const LOCAL_HEADER = 0x04034b50
const LARGEST_DEFLATED = 256 * 1024 * 1024
const inflate = promisify(inflateRaw)

function damaged({ name }: ZipEntry, reason: string): TensorferryError {
  return new TensorferryError(
    'FORMAT_UNSUPPORTED',
    `the .pt2 file is damaged: ${name} ${reason}; copy it again, or compile the model again`,
    { details: { entry: name, reason } },
  )
}

/** One file in a zip as a source of its own; what is deflated is unpacked into memory. */
export async function entrySource(source: ByteSource, entry: ZipEntry): Promise<ByteSource> {
  const { offset, packedSize, size, method } = entry
  if (offset + 30 > source.size) throw damaged(entry, 'lies outside of the file')
  const header = await source.read(offset, 30)
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  if (view.getUint32(0, true) !== LOCAL_HEADER) throw damaged(entry, 'has no header')
  const start = offset + 30 + view.getUint16(26, true) + view.getUint16(28, true)
  if (start + packedSize > source.size) throw damaged(entry, 'is cut short')
  if (method === 0) {
    if (size !== packedSize) throw damaged(entry, 'has two sizes')
    return { size, read: (from, length) => source.read(start + from, length) }
  }
  if (method !== 8 || size > LARGEST_DEFLATED) throw damaged(entry, `is packed by method ${method}`)
  try {
    const content = await inflate(await source.read(start, packedSize), { maxOutputLength: Math.max(1, size) })
    if (content.length === size) return { size, read: async (from, length) => content.subarray(from, from + length) }
  } catch {
    // Falls through: it is damaged.
  }
  throw damaged(entry, 'cannot be unpacked')
}

/**
 * Content of one file in a zip, compared with its checksum.
 *
 * @throws TensorferryError `FORMAT_UNSUPPORTED` naming the entry
 */
export async function readEntry(source: ByteSource, entry: ZipEntry): Promise<Uint8Array> {
  const inner = await entrySource(source, entry)
  const content = await inner.read(0, inner.size)
  if (content.length !== entry.size || crc32(content) !== entry.crc32) throw damaged(entry, 'differs from its checksum')
  return content
}
