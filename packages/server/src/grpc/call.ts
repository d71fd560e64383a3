import type { Deadline, Metadata } from '@grpc/grpc-js'

/** What the methods need of a call, whether it has one message or a stream of them. */
export interface IncomingCall {
  readonly metadata: Metadata
  getDeadline(): Deadline
  getPeer(): string
}

/** Milliseconds until the client's deadline; null when it has none. At least 1: gRPC itself ends what is late. */
export function remainingMs(call: IncomingCall): number | null {
  const deadline = Number(call.getDeadline())
  return Number.isFinite(deadline) ? Math.max(1, deadline - Date.now()) : null
}

/** The nearest of limits that may be missing; undefined when all are. */
export function nearest(...limits: readonly (number | null)[]): number | undefined {
  const given = limits.filter((limit) => limit !== null)
  return given.length > 0 ? Math.min(...given) : undefined
}
