import { Readable } from 'node:stream'

/** Smaller replies fit into the system's buffers: nobody has to wait for who does not read them. */
export const WATCHED_BYTES = 256 * 1024
const SLICE_BYTES = 128 * 1024

/**
 * A large reply in slices. It ends with an error, and the connection with it, when the client has taken nothing for a while;
 * that it sends something meanwhile does not count.
 *
 * @param idleMs - how long a client may take for a slice, up to twice of it
 */
export function watchedReply(body: Uint8Array, idleMs: number): Readable {
  let place = 0
  let hasProgress = true
  const timer = setInterval(() => {
    if (!hasProgress) reply.destroy(new Error('the client does not read its reply'))
    hasProgress = false
  }, idleMs)
  timer.unref()
  const reply = new Readable({
    highWaterMark: SLICE_BYTES,
    read() {
      hasProgress = true
      const slice = body.subarray(place, place + SLICE_BYTES)
      place += slice.byteLength
      this.push(slice.byteLength > 0 ? slice : null)
    },
    destroy(error, done) {
      clearInterval(timer)
      done(error)
    },
  })
  return reply
}
