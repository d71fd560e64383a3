import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'

/** What is left of a refused body is read and thrown away up to here; then the connection is cut. */
const MOST_BYTES = 128 * 2 ** 20
const MOST_MS = 10_000
const LOOK_MS = 50

/**
 * Leaves a connection open after its last reply until the client has sent what it had begun to send, within bounds. A socket that
 * is closed with unread bytes is reset, and the reply that was on its way is lost: a client that sends all of its body before
 * it reads would see a broken pipe in place of a 413.
 *
 * @param message - the request, not read to its end, whose reply says `Connection: close`
 */
export function lingerAfterReply(message: IncomingMessage): void {
  const { socket } = message
  const start = socket.bytesRead
  // Node's own way to end a connection after its last reply.
  socket.destroySoon = () => {
    const until = performance.now() + MOST_MS
    const end = (): void => {
      clearInterval(timer)
      Socket.prototype.destroySoon.call(socket)
    }
    const timer = setInterval(() => {
      if (message.complete || socket.bytesRead - start > MOST_BYTES || performance.now() > until) end()
    }, LOOK_MS)
    message.once('end', end)
    socket.once('close', () => clearInterval(timer))
    if (message.complete) end()
  }
}
