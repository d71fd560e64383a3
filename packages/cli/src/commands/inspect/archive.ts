import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { TensorferryError } from '@tensorferry/core'
import { type Entry, type Options, open, type ZipFile } from 'yauzl'

/** What a `.pt` or `.pt2` archive says of itself. */
export interface ArchiveFacts {
  readonly entries: number
  /** Python source files inside. */
  readonly codeFiles: number
  readonly weights: { readonly tensors: number; readonly bytes: number }
  /** The archive's own version number. */
  readonly version: string | null
  /** TorchScript's debug files, which hold the paths of the machine that wrote them unless an exporter strips them. */
  readonly debugFiles: number
  /** AOTInductor: platform and instruction set that it was compiled for. */
  readonly compiledFor: Readonly<Record<string, string>> | null
}

const openZip = promisify<string, Options, ZipFile>(open)

async function readEntry(zip: ZipFile, entry: Entry): Promise<string> {
  const openStream = promisify<Entry, Readable>((one, done) => zip.openReadStream(one, done))
  return text(await openStream(entry))
}

async function listEntries(zip: ZipFile, onEntry: (entry: Entry) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    zip.on('entry', (entry: Entry) => {
      onEntry(entry).then(() => zip.readEntry(), reject)
    })
    zip.on('end', resolve)
    zip.on('error', reject)
    zip.readEntry()
  })
}

/**
 * Reads the facts from the archive's directory; the weights are not read.
 *
 * @throws TensorferryError `FORMAT_UNSUPPORTED` for a damaged archive
 */
export async function readArchive(path: string): Promise<ArchiveFacts> {
  const facts = { entries: 0, codeFiles: 0, tensors: 0, bytes: 0, debugFiles: 0 }
  let version: string | null = null
  let compiledFor: Record<string, string> | null = null
  try {
    const zip = await openZip(path, { lazyEntries: true, autoClose: false })
    await listEntries(zip, async (entry) => {
      // Entries lie in one folder that is named after the file.
      const name = entry.fileName.slice(entry.fileName.indexOf('/') + 1)
      facts.entries++
      if (name.endsWith('.py')) facts.codeFiles++
      if (name.endsWith('.debug_pkl')) facts.debugFiles++
      if (/^(data|constants|data\/weights|data\/constants)\/(weight_|tensor_)?\d+$/.test(name)) {
        facts.tensors++
        facts.bytes += entry.uncompressedSize
      }
      if (name === 'version' || name === 'archive_version') version = (await readEntry(zip, entry)).trim()
      if (name.startsWith('data/aotinductor/') && name.endsWith('metadata.json')) {
        const metadata = JSON.parse(await readEntry(zip, entry)) as Record<string, unknown>
        const known = Object.entries(metadata).filter(([key]) => key.startsWith('AOTI_'))
        compiledFor = { ...compiledFor, ...Object.fromEntries(known.map(([key, value]) => [key, String(value)])) }
      }
    })
    zip.close()
  } catch (cause) {
    throw new TensorferryError(
      'FORMAT_UNSUPPORTED',
      `${path}: the archive is damaged (${(cause as Error).message}); export it again`,
      {
        cause,
      },
    )
  }
  const { entries, codeFiles, tensors, bytes, debugFiles } = facts
  return { entries, codeFiles, weights: { tensors, bytes }, version, debugFiles, compiledFor }
}
