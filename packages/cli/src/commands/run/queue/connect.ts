import { TensorferryError } from '@tensorferry/core'
import { Redis } from 'ioredis'
import type { Terminal } from '../../../terminal/terminal.ts'

/** Milliseconds until a Redis that does not answer is given up at the start. */
const CONNECT_MS = 5000
/** Errors nearer to each other than this are one outage. */
const OUTAGE_MS = 10_000

/** The address without its password. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/([^@/]*)@/, (_, login: string) => `//${login.split(':')[0]}${login === '' ? '' : '@'}`)
}

/** How BullMQ connects. */
export interface RedisConnection {
  readonly url: string
  readonly maxRetriesPerRequest: null
  readonly retryStrategy: (tries: number) => number
}

/**
 * Connects to Redis once, to see that it is there.
 *
 * @returns settings for connections that come again by themselves when they are lost
 * @throws TensorferryError `OPTIONS_INVALID` when the address is none, `RUNTIME_FAILED` when nothing answers there
 */
export async function findRedis(url: string): Promise<RedisConnection> {
  if (!/^rediss?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      `--queue: expected redis://HOST:PORT/DB or rediss://…, got ${JSON.stringify(shownUrl(url))}`,
    )
  }
  const first = new Redis(url, { lazyConnect: true, connectTimeout: CONNECT_MS, retryStrategy: () => null })
  let reason: string | undefined
  // The promise below rejects without the reason; the event has it.
  first.on('error', (error) => {
    reason ??= error.message
  })
  try {
    await first.connect()
    await first.ping()
  } catch (cause) {
    const why = reason || (cause as Error).message
    throw new TensorferryError('RUNTIME_FAILED', `no Redis answers at ${shownUrl(url)}: ${why}`, { cause })
  } finally {
    first.disconnect()
  }
  // null: a worker's blocking read may outlast any number of tries.
  return { url, maxRetriesPerRequest: null, retryStrategy: (tries) => Math.min(2000, 100 * tries) }
}

/** A listener for errors of connections, which tells each outage once; without one BullMQ would throw. */
export function outageTeller(terminal: Terminal): (error: Error) => void {
  let last = 0
  return (error) => {
    if (Date.now() - last > OUTAGE_MS) terminal.note(`Redis: ${error.message}; trying again`)
    last = Date.now()
  }
}
