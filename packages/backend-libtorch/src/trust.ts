import { createHash } from 'node:crypto'
import type { ResolvedOptions } from './options.ts'

type Trust = ResolvedOptions['trust']

/** One file or a few may run, named by their content: it is read into memory, so that what is compared is what runs. */
export function isPinned(trust: Trust): trust is Exclude<Trust, null | 'native-code'> {
  return trust !== null && trust !== 'native-code'
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/**
 * Whether the caller has said that all that a file holds may run.
 *
 * @param bytes - its content, where its sha256 is pinned
 */
export function isTrusted(trust: Trust, bytes: Uint8Array | null): boolean {
  if (!isPinned(trust)) return trust === 'native-code'
  return bytes !== null && trust.sha256.includes(sha256Of(bytes))
}
