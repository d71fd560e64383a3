import type { FastifyRequest } from 'fastify'
import { toldValue } from '../protocol/told-value.ts'
import { HttpRefusal } from './http-refusal.ts'

/** What the client grants for its request, the queue included, in milliseconds. */
const TIMEOUT_HEADER = 'tensorferry-timeout-ms'

/**
 * How long the client waits.
 *
 * @returns milliseconds; infinity when it does not say
 * @throws HttpRefusal 400 for what is no positive number
 */
export function clientTimeoutOf({ headers }: FastifyRequest): number {
  const text = headers[TIMEOUT_HEADER]
  if (text === undefined) return Number.POSITIVE_INFINITY
  const ms = typeof text === 'string' && /^\d{1,12}(\.\d{1,6})?$/.test(text) ? Number(text) : 0
  if (ms > 0) return ms
  throw new HttpRefusal(
    400,
    'INPUT_INVALID',
    `expected ${TIMEOUT_HEADER} to be a number of milliseconds above 0, got ${toldValue(text)}`,
  )
}
