import type { Session } from './backend.ts'
import { refuseCallOptions, throwIfAborted, withCallOptions } from './call.ts'
import { checkInputs } from './check-inputs.ts'
import { isDimName, parseDim } from './dims.ts'
import type { Signature } from './signature.ts'
import type { ModelStream } from './stream.ts'
import { zeros } from './tensor.ts'

/**
 * What a stream is made of. It is handed them: a module that the app's first file and a later one both import would get a
 * file of its own.
 */
const parts = { checkInputs, isDimName, parseDim, refuseCallOptions, throwIfAborted, withCallOptions, zeros }

/** What a stream is handed. */
export type StreamParts = typeof parts

/** Opens a stream over a session. */
export type OpenStream = (session: Session, signature: Signature) => ModelStream

/** Loads what opens streams: most models keep no state. */
export async function loadStreams(): Promise<OpenStream> {
  const { createStream } = await import('./stream.ts')
  return (session, signature) => createStream(session, signature, parts)
}
