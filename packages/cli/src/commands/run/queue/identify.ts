import { createHash } from 'node:crypto'
import { basename, join } from 'node:path'
import { hashFile, readRegular } from '@tensorferry/core/node'
import { openOnDisk } from '../../../bundle/read.ts'

/** Which model a queue is for: whoever names the same content meets there. */
export interface QueueIdentity {
  /** Key in Redis. */
  readonly queue: string
  /** As it is shown. */
  readonly model: string
}

const hash = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex')

/**
 * The queue of a model: of a bundle by the content of its `bundle.json`, of a file by its content, of a URL by its text.
 *
 * @throws TensorferryError `NOT_FOUND`, `BUNDLE_INVALID`
 */
export async function identifyQueue(source: string): Promise<QueueIdentity> {
  if (/^https?:/i.test(source)) return { queue: `tensorferry-${hash(source).slice(0, 16)}`, model: source }
  const opened = await openOnDisk(source)
  if (opened.kind === 'file') {
    return { queue: `tensorferry-${(await hashFile(opened.path)).slice(0, 16)}`, model: basename(opened.path) }
  }
  const digest = hash(await readRegular(join(opened.folder, 'bundle.json'))).slice(0, 16)
  return { queue: `tensorferry-${digest}`, model: `${opened.manifest.name} ${opened.manifest.version}` }
}
