import { crc32 } from 'node:zlib'
import { TensorferryError } from '@tensorferry/core'
import type { ZipEntry } from './zip-directory.ts'

const LARGEST = 0xfffffff0

function header(entry: ZipEntry, name: Buffer): Buffer {
  const bytes = Buffer.alloc(30)
  bytes.writeUInt32LE(0x04034b50, 0)
  bytes.writeUInt16LE(20, 4)
  bytes.writeUInt16LE(0x800, 6)
  bytes.writeUInt16LE(entry.method, 8)
  bytes.writeUInt32LE(entry.crc32, 14)
  bytes.writeUInt32LE(entry.packedSize, 18)
  bytes.writeUInt32LE(entry.size, 22)
  bytes.writeUInt16LE(name.length, 26)
  return bytes
}

function directoryEntry(entry: ZipEntry, name: Buffer): Buffer {
  const bytes = Buffer.alloc(46)
  bytes.writeUInt32LE(0x02014b50, 0)
  bytes.writeUInt16LE(20, 4)
  header(entry, name).copy(bytes, 6, 4, 28)
  bytes.writeUInt32LE(entry.offset, 42)
  return bytes
}

/**
 * A zip with other content in some of its entries. All the others stay where they are, as libtorch wants them aligned: the
 * new content and a new directory follow.
 *
 * @param changed - content by entry name
 * @throws TensorferryError `FORMAT_UNSUPPORTED` for an archive over 4 GiB
 * @see PKWARE APPNOTE 4.3
 */
export function replaceEntries(
  archive: Uint8Array,
  entries: readonly ZipEntry[],
  changed: ReadonlyMap<string, Uint8Array>,
): Uint8Array<ArrayBuffer> {
  const added = [...changed.values()].reduce((sum, { length }) => sum + length, 0) + 200 * entries.length
  if (archive.length + added > LARGEST || entries.length > 0xfffe) {
    throw new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `mapDevices: the file has ${archive.length} bytes in ${entries.length} entries, and 4 GiB in 65534 can be mapped; export the model on the device that runs it`,
      { details: { bytes: archive.length, entries: entries.length } },
    )
  }
  const parts: Uint8Array[] = [archive]
  let at = archive.length
  const add = (bytes: Uint8Array): void => {
    parts.push(bytes)
    at += bytes.length
  }
  const placed = entries.map((entry): ZipEntry => {
    const content = changed.get(entry.name)
    if (!content) return entry
    const size = content.length
    const moved = { ...entry, method: 0, crc32: crc32(content), packedSize: size, size, offset: at }
    const name = Buffer.from(entry.name)
    add(header(moved, name))
    add(name)
    add(content)
    return moved
  })
  const directory = at
  for (const entry of placed) {
    const name = Buffer.from(entry.name)
    add(directoryEntry(entry, name))
    add(name)
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(at - directory, 12)
  end.writeUInt32LE(directory, 16)
  add(end)
  const result = new Uint8Array(at)
  let offset = 0
  for (const part of parts) {
    result.set(part, offset)
    offset += part.length
  }
  return result
}
