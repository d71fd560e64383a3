import type { ByteSource } from '@tensorferry/core'

/** What a Linux library's own header and sections say. */
export interface ElfFacts {
  /** As Python's `platform.machine()`; null: another one. */
  readonly machine: 'x86_64' | 'aarch64' | null
  /** Names of symbols that it takes from other libraries or gives. */
  readonly names: ReadonlySet<string>
  /** What each compiler noted of itself and of its switches, with `-march=native` spelled out; empty: nothing. */
  readonly producers: readonly string[]
}

const MACHINES: Readonly<Record<number, ElfFacts['machine']>> = { 62: 'x86_64', 183: 'aarch64' }
const MOST_SECTIONS = 4096
const COMPRESSED = 0x800n

interface Section {
  readonly name: string
  readonly offset: number
  readonly size: number
}

async function readSections(source: ByteSource, header: DataView): Promise<Section[] | null> {
  const table = Number(header.getBigUint64(40, true))
  const entrySize = header.getUint16(58, true)
  const count = header.getUint16(60, true)
  const namesIndex = header.getUint16(62, true)
  if (entrySize !== 64 || count > MOST_SECTIONS || namesIndex >= count) return null
  if (!(table + count * entrySize <= source.size)) return null
  const bytes = await source.read(table, count * entrySize)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const at = (index: number): { nameAt: number; offset: number; size: number } => ({
    nameAt: view.getUint32(index * 64, true),
    offset: Number(view.getBigUint64(index * 64 + 24, true)),
    // Compressed text cannot be searched.
    size: view.getBigUint64(index * 64 + 8, true) & COMPRESSED ? 0 : Number(view.getBigUint64(index * 64 + 32, true)),
  })
  const namesSection = at(namesIndex)
  if (!(namesSection.offset + namesSection.size <= source.size)) return null
  const names = Buffer.from(await source.read(namesSection.offset, namesSection.size))
  const sections: Section[] = []
  for (let index = 0; index < count; index++) {
    const { nameAt, offset, size } = at(index)
    const end = names.indexOf(0, nameAt)
    sections.push({ name: names.toString('latin1', nameAt, end < 0 ? nameAt : end), offset, size })
  }
  return sections
}

/** Texts that begin as compilers' notes do; the section holds tens of thousands of others. */
function producersIn(texts: Buffer): string[] {
  const found: string[] = []
  for (const begin of ['GNU C', 'clang ']) {
    for (let at = texts.indexOf(begin); at >= 0; at = texts.indexOf(begin, at + 1)) {
      if (at > 0 && texts[at - 1] !== 0) continue
      const end = texts.indexOf(0, at)
      found.push(texts.toString('latin1', at, end < 0 ? texts.length : end))
    }
  }
  return found
}

/**
 * Reads a 64-bit little-endian ELF library without loading it.
 *
 * @returns null when it is none, or its section table does not add up
 * @see System V ABI, chapter 4; DWARF 5, DW_AT_producer
 */
export async function readElf(source: ByteSource): Promise<ElfFacts | null> {
  if (source.size < 64) return null
  const bytes = await source.read(0, 64)
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // 64 bits, least significant byte first.
  if (header.getUint32(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) return null
  const sections = await readSections(source, header)
  if (!sections) return null
  const contentOf = async (name: string): Promise<Buffer> => {
    const section = sections.find((candidate) => candidate.name === name)
    if (!section || !(section.offset + section.size <= source.size)) return Buffer.alloc(0)
    const { buffer, byteOffset, byteLength } = await source.read(section.offset, section.size)
    return Buffer.from(buffer, byteOffset, byteLength)
  }
  return {
    machine: MACHINES[header.getUint16(18, true)] ?? null,
    names: new Set((await contentOf('.dynstr')).toString('latin1').split('\0')),
    producers: producersIn(await contentOf('.debug_str')),
  }
}
