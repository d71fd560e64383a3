import { promisify } from 'node:util'
import { constants, deflate, gzip } from 'node:zlib'

const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) }

/** Below this a packed reply is hardly smaller. */
const WORTH_BYTES = 1024

/**
 * What the client asks for: one coding alone, as `tritonclient` does when told to. Clients that list all they can read
 * (browsers, Python's) do so with every request: packing 340 kB takes longer than sending it.
 */
export function wantedEncoding(accepted: string | undefined): 'gzip' | 'deflate' | null {
  const wanted = accepted?.trim().toLowerCase()
  return wanted === 'gzip' || wanted === 'deflate' ? wanted : null
}

/** A packed body; null where it is not worth it. */
export function compress(body: Uint8Array, encoding: 'gzip' | 'deflate'): Promise<Buffer> | null {
  if (body.byteLength < WORTH_BYTES) return null
  return compressors[encoding](body, { level: constants.Z_BEST_SPEED })
}
