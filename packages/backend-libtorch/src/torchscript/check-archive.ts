import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import { type ByteSource, TensorferryError } from '@tensorferry/core'
import { readZipDirectory, type ZipEntry } from './zip-directory.ts'

const LOCAL_HEADER = 0x04034b50
const CHUNK = 8 * 1024 * 1024
const LARGEST_DEFLATED = 256 * 1024 * 1024

const inflate = promisify(inflateRaw)

/** Where an entry's bytes begin; null: its local header is not what the directory says. */
async function dataOffset(source: ByteSource, { offset, packedSize, name }: ZipEntry): Promise<number | null> {
  if (offset + 30 > source.size) return null
  const header = await source.read(offset, 30)
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  if (view.getUint32(0, true) !== LOCAL_HEADER) return null
  const nameLength = view.getUint16(26, true)
  const start = offset + 30 + nameLength + view.getUint16(28, true)
  if (start + packedSize > source.size) return null
  const local = new TextDecoder().decode(await source.read(offset + 30, nameLength))
  return local === name ? start : null
}

async function isIntact(source: ByteSource, entry: ZipEntry, isListed: boolean): Promise<boolean> {
  const start = await dataOffset(source, entry)
  if (start === null) return false
  if (entry.method === 8) {
    if (entry.size > LARGEST_DEFLATED) return false
    try {
      const packed = await source.read(start, entry.packedSize)
      const content = await inflate(packed, { maxOutputLength: Math.max(1, entry.size) })
      return content.length === entry.size && crc32(content) === entry.crc32
    } catch {
      return false
    }
  }
  if (entry.method !== 0 || entry.size !== entry.packedSize) return false
  if (isListed && TENSOR.test(entry.name)) return true
  let sum = 0
  for (let at = 0; at < entry.size; at += CHUNK) {
    sum = crc32(await source.read(start + at, Math.min(CHUNK, entry.size - at)), sum)
  }
  return sum === entry.crc32
}

/** A tensor's bytes as they are: no parser reads them. */
const TENSOR = /^[^/]+\/(data|constants)\/[^/]+$/

/**
 * Compares every entry of a zip with its checksum. libtorch does not: a damaged weight would give wrong numbers, and a
 * damaged pickle reaches a parser that trusts it.
 *
 * @param isListed - the whole file's hash is compared beside this: a tensor's own checksum says nothing more
 * @returns the entries
 * @throws TensorferryError `FORMAT_UNSUPPORTED` naming the entry
 */
export async function checkArchive(source: ByteSource, path: string, isListed = false): Promise<readonly ZipEntry[]> {
  const entries = await readZipDirectory(source)
  const damaged = (entry: string | null): TensorferryError =>
    new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `${path} is damaged${entry === null ? ': its table of contents does not add up' : `: ${entry} differs from its checksum`}; download or export it again`,
      { details: { path, entry } },
    )
  if (!entries) throw damaged(null)
  const names = new Set<string>()
  for (const entry of entries) {
    if (names.has(entry.name) || !(await isIntact(source, entry, isListed))) throw damaged(entry.name)
    names.add(entry.name)
  }
  return entries
}
