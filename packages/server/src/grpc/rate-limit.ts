import { status } from '@grpc/grpc-js'
import type { IncomingCall } from './call.ts'
import { GrpcRefusal } from './status.ts'

/** Requests of a client in a window of time. */
export interface RateLimit {
  /** @throws GrpcRefusal `RESOURCE_EXHAUSTED` */
  take(call: IncomingCall): void
}

/** Clients that are remembered at most; beyond it all windows begin anew. */
const MOST_CLIENTS = 100_000

/** By key where one is sent, else by address without its port. */
function clientOf(call: IncomingCall): string {
  const [key] = [...call.metadata.get('x-api-key'), ...call.metadata.get('authorization')]
  return key === undefined ? call.getPeer().replace(/:\d+$/, '') : String(key)
}

/** @param limit - null: no limit */
export function createRateLimit(limit: { readonly requests: number; readonly perMs: number } | null): RateLimit {
  if (limit === null) return { take: () => {} }
  const windows = new Map<string, { start: number; count: number }>()
  return {
    take: (call) => {
      const client = clientOf(call)
      const now = performance.now()
      let window = windows.get(client)
      if (!window || now - window.start >= limit.perMs) {
        if (windows.size >= MOST_CLIENTS) windows.clear()
        window = { start: now, count: 0 }
        windows.set(client, window)
      }
      if (++window.count <= limit.requests) return
      const seconds = Math.ceil((window.start + limit.perMs - now) / 1000)
      throw new GrpcRefusal(
        status.RESOURCE_EXHAUSTED,
        `more than ${limit.requests} requests in ${limit.perMs} ms; come again in ${seconds} s`,
      )
    },
  }
}
