import type { ByteSource } from '@tensorferry/core'

const END_OF_DIRECTORY = 0x06054b50
const ZIP64_LOCATOR = 0x07064b50
const ZIP64_END = 0x06064b50
const DIRECTORY_ENTRY = 0x02014b50
const FULL = 0xffffffff

/** One file in a zip. */
export interface ZipEntry {
  readonly name: string
  /** 0: stored as it is; 8: deflated. */
  readonly method: number
  readonly crc32: number
  /** Bytes in the archive. */
  readonly packedSize: number
  /** Bytes once unpacked. */
  readonly size: number
  /** Where its local header begins. */
  readonly offset: number
}

/** Sizes and offsets over 32 bits are in an extra field, in a fixed order and only those that are needed. */
function zip64Values(view: DataView, start: number, end: number): number[] {
  for (let at = start; at + 4 <= end; ) {
    const id = view.getUint16(at, true)
    const length = view.getUint16(at + 2, true)
    if (id === 1) {
      const values: number[] = []
      for (let value = at + 4; value + 8 <= Math.min(at + 4 + length, end); value += 8) {
        values.push(Number(view.getBigUint64(value, true)))
      }
      return values
    }
    at += 4 + length
  }
  return []
}

function parseEntries(directory: Uint8Array): ZipEntry[] | null {
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength)
  const entries: ZipEntry[] = []
  const text = new TextDecoder()
  for (let at = 0; at < directory.length; ) {
    if (at + 46 > directory.length || view.getUint32(at, true) !== DIRECTORY_ENTRY) return null
    const nameLength = view.getUint16(at + 28, true)
    const extraLength = view.getUint16(at + 30, true)
    const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true)
    if (next > directory.length) return null
    const wide = zip64Values(view, at + 46 + nameLength, at + 46 + nameLength + extraLength)
    const take = (offset: number): number => {
      const value = view.getUint32(at + offset, true)
      return value === FULL ? (wide.shift() ?? FULL) : value
    }
    const size = take(24)
    const packedSize = take(20)
    const offset = take(42)
    const name = text.decode(directory.subarray(at + 46, at + 46 + nameLength))
    entries.push({
      name,
      method: view.getUint16(at + 10, true),
      crc32: view.getUint32(at + 16, true),
      packedSize,
      size,
      offset,
    })
    at = next
  }
  return entries
}

/**
 * A zip's entries, from its central directory.
 *
 * @returns null when the directory is missing or does not add up
 * @see PKWARE APPNOTE 4.3.12 to 4.3.16, 4.5.3
 */
export async function readZipDirectory(source: ByteSource): Promise<readonly ZipEntry[] | null> {
  const tailLength = Math.min(source.size, 65_557)
  const tail = await source.read(source.size - tailLength, tailLength)
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  let end = tail.length - 22
  while (end >= 0 && view.getUint32(end, true) !== END_OF_DIRECTORY) end--
  if (end < 0) return null
  let count = view.getUint16(end + 10, true)
  let size = view.getUint32(end + 12, true)
  let offset = view.getUint32(end + 16, true)
  if (end >= 20 && view.getUint32(end - 20, true) === ZIP64_LOCATOR) {
    const at = Number(view.getBigUint64(end - 12, true))
    if (at + 56 > source.size) return null
    const record = await source.read(at, 56)
    const wide = new DataView(record.buffer, record.byteOffset, record.byteLength)
    if (wide.getUint32(0, true) !== ZIP64_END) return null
    count = Number(wide.getBigUint64(32, true))
    size = Number(wide.getBigUint64(40, true))
    offset = Number(wide.getBigUint64(48, true))
  }
  if (offset + size > source.size) return null
  const entries = parseEntries(await source.read(offset, size))
  return entries?.length === count ? entries : null
}
