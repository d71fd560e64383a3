import { status } from '@grpc/grpc-js'
import { RateWindows } from '../protocol/rate-windows.ts'
import type { Access } from './access.ts'
import type { IncomingCall } from './call.ts'
import { GrpcRefusal } from './status.ts'

/** Requests of a client in a window of time. */
export interface RateLimit {
  /** @throws GrpcRefusal `RESOURCE_EXHAUSTED` */
  take(call: IncomingCall): void
}

/**
 * Counts a client by a key that is right, else by address without its port: made-up keys would each begin anew.
 *
 * @param limit - null: no limit
 */
export function createRateLimit(
  limit: { readonly requests: number; readonly perMs: number } | null,
  { userOf }: Pick<Access, 'userOf'>,
): RateLimit {
  if (limit === null) return { take: () => {} }
  const windows = new RateWindows(limit)
  return {
    take: (call) => {
      const seconds = windows.take(userOf(call.metadata) ?? call.getPeer().replace(/:\d+$/, ''))
      if (seconds === null) return
      throw new GrpcRefusal(
        status.RESOURCE_EXHAUSTED,
        `more than ${limit.requests} requests in ${limit.perMs} ms; come again in ${seconds} s`,
      )
    },
  }
}
