import type { ByteSource } from './byte-source.ts'

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const ZIP64_LOCATOR = 0x07064b50
const ZIP64_END = 0x06064b50

/**
 * Names of a zip's entries, from its central directory.
 *
 * @returns null when the directory is missing: the file was cut short
 * @see PKWARE APPNOTE 4.3.12 to 4.3.16; torch writes zip64 records
 */
export async function zipEntryNames(source: ByteSource): Promise<readonly string[] | null> {
  const tailLength = Math.min(source.size, 65_557)
  const tailStart = source.size - tailLength
  const tail = await source.read(tailStart, tailLength)
  const tailView = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  let end = tail.length - 22
  while (end >= 0 && tailView.getUint32(end, true) !== END_OF_DIRECTORY) end--
  if (end < 0) return null

  let size = tailView.getUint32(end + 12, true)
  let offset = tailView.getUint32(end + 16, true)
  if (offset === 0xffffffff && end >= 20 && tailView.getUint32(end - 20, true) === ZIP64_LOCATOR) {
    const at = Number(tailView.getBigUint64(end - 12, true))
    if (at + 56 > source.size) return null
    const record = await source.read(at, 56)
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
    if (view.getUint32(0, true) !== ZIP64_END) return null
    size = Number(view.getBigUint64(40, true))
    offset = Number(view.getBigUint64(48, true))
  }
  if (offset + size > source.size) return null

  const directory = await source.read(offset, size)
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength)
  const names: string[] = []
  const text = new TextDecoder()
  for (let at = 0; at + 46 <= directory.length && view.getUint32(at, true) === DIRECTORY_ENTRY; ) {
    const nameLength = view.getUint16(at + 28, true)
    names.push(text.decode(directory.subarray(at + 46, at + 46 + nameLength)))
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  return names
}
