import { once } from 'node:events'
import { createServer } from 'node:net'

// Above the ports of Ray's workers (to 19999).
const FIRST = 20_000
const COUNT = 12_000

// Each process of the tests begins elsewhere: two of them seldom ask for the same ports.
let next = (process.pid * 97) % COUNT

/**
 * A port of this machine that nothing listens on. It lies below those that the system gives to connections by itself
 * (from 32768 on Linux): between this answer and the server's own `listen`, no connection takes it.
 */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < COUNT; tried++) {
    const port = FIRST + (next++ % COUNT)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error(`every port from ${FIRST} to ${FIRST + COUNT - 1} is taken`)
}
