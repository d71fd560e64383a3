// Damaged files, the same for the same seed.
import { crc32 } from 'node:zlib'

/** A generator of numbers from 0 to 1 (mulberry32). */
export function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = state
    value = Math.imul(value ^ (value >>> 15), value | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

const below = (next, limit) => Math.floor(next() * limit)

/** Entries of a zip that is stored, not deflated, as PyTorch writes it. */
export function readEntries(zip) {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength)
  let end = zip.length - 22
  while (view.getUint32(end, true) !== 0x06054b50) end--
  const entries = []
  let at = view.getUint32(end + 16, true)
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const size = view.getUint32(at + 24, true)
    const nameLength = view.getUint16(at + 28, true)
    const local = view.getUint32(at + 42, true)
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    const name = new TextDecoder().decode(zip.subarray(at + 46, at + 46 + nameLength))
    entries.push({ name, content: zip.subarray(start, start + size) })
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  return entries
}

/** A zip with the right checksums. */
export function writeZip(entries) {
  const parts = []
  const directory = []
  let offset = 0
  for (const { name, content } of entries) {
    const header = Buffer.alloc(30)
    header.writeUInt32LE(0x04034b50, 0)
    header.writeUInt16LE(20, 4)
    header.writeUInt32LE(crc32(content), 14)
    header.writeUInt32LE(content.length, 18)
    header.writeUInt32LE(content.length, 22)
    header.writeUInt16LE(Buffer.byteLength(name), 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(20, 4)
    entry.writeUInt16LE(20, 6)
    entry.writeUInt32LE(crc32(content), 16)
    entry.writeUInt32LE(content.length, 20)
    entry.writeUInt32LE(content.length, 24)
    entry.writeUInt16LE(Buffer.byteLength(name), 28)
    entry.writeUInt32LE(offset, 42)
    directory.push(entry, Buffer.from(name))
    parts.push(header, Buffer.from(name), Buffer.from(content))
    offset += 30 + Buffer.byteLength(name) + content.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(Buffer.concat(directory).length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, ...directory, end])
}

function damage(bytes, next) {
  const copy = Buffer.from(bytes)
  if (copy.length === 0) return copy
  switch (below(next, 5)) {
    case 0: // some bytes
      for (let i = 1 + below(next, 8); i > 0; i--) copy[below(next, copy.length)] = below(next, 256)
      return copy
    case 1: // one bit
      copy[below(next, copy.length)] ^= 1 << below(next, 8)
      return copy
    case 2: // cut short
      return copy.subarray(0, below(next, copy.length))
    case 3: {
      // a stretch of zeros or of itself
      const at = below(next, copy.length)
      const length = below(next, Math.min(64, copy.length - at))
      if (next() < 0.5) copy.fill(0, at, at + length)
      else copy.copy(copy, at, below(next, copy.length))
      return copy
    }
    default: {
      // something put in
      const at = below(next, copy.length)
      const extra = Buffer.from(Array.from({ length: 1 + below(next, 32) }, () => below(next, 256)))
      return Buffer.concat([copy.subarray(0, at), extra, copy.subarray(at)])
    }
  }
}

/** A damaged archive: its checksums tell. */
export const damageArchive = damage

/** A damaged entry in an archive whose checksums are right: it reaches libtorch's parser. */
export function damageEntry(zip, next, suits = () => true) {
  const entries = readEntries(zip)
  const suitable = entries.flatMap(({ name }, index) => (suits(name) ? [index] : []))
  const index = suitable[below(next, suitable.length)]
  entries[index] = { ...entries[index], content: damage(entries[index].content, next) }
  return writeZip(entries)
}
