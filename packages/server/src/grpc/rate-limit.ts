import { status } from '@grpc/grpc-js'
import { RateWindows } from '../protocol/rate-windows.ts'
import type { IncomingCall } from './call.ts'
import { GrpcRefusal } from './status.ts'

/** Requests of a client in a window of time. */
export interface RateLimit {
  /** @throws GrpcRefusal `RESOURCE_EXHAUSTED` */
  take(call: IncomingCall): void
}

/** By key where one is sent, else by address without its port. */
function clientOf(call: IncomingCall): string {
  const [key] = [...call.metadata.get('x-api-key'), ...call.metadata.get('authorization')]
  return key === undefined ? call.getPeer().replace(/:\d+$/, '') : String(key)
}

/** @param limit - null: no limit */
export function createRateLimit(limit: { readonly requests: number; readonly perMs: number } | null): RateLimit {
  if (limit === null) return { take: () => {} }
  const windows = new RateWindows(limit)
  return {
    take: (call) => {
      const seconds = windows.take(clientOf(call))
      if (seconds === null) return
      throw new GrpcRefusal(
        status.RESOURCE_EXHAUSTED,
        `more than ${limit.requests} requests in ${limit.perMs} ms; come again in ${seconds} s`,
      )
    },
  }
}
