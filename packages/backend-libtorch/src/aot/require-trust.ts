import { TensorferryError } from '@tensorferry/core'
import type { ResolvedOptions } from '../options.ts'
import { isPinned, isTrusted, sha256Of } from '../trust.ts'

/**
 * A `.pt2` file runs with all rights of the process from the moment it is loaded: the caller must have said that it may.
 *
 * @param path - for the message
 * @param bytes - its content, when its sha256 is pinned
 * @throws TensorferryError `UNTRUSTED_CODE` when the caller has not, or has pinned others
 */
export function requireTrust(path: string, trust: ResolvedOptions['trust'], bytes: Uint8Array | null): void {
  if (isTrusted(trust, bytes)) return
  if (!isPinned(trust) || bytes === null) {
    throw new TensorferryError(
      'UNTRUSTED_CODE',
      `${path} is native code, which would run with all rights of this process; when you know where it is from, pass trust: 'native-code', or trust: { sha256 } of the one that may run`,
      { details: { path } },
    )
  }
  const sha256 = sha256Of(bytes)
  throw new TensorferryError(
    'UNTRUSTED_CODE',
    `${path} is native code with the sha256 ${sha256}, and the one that may run is ${trust.sha256.join(' or ')}; use that file, or pin this one when you know where it is from`,
    { details: { path, sha256, pinned: trust.sha256 } },
  )
}
