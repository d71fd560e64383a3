import type { FastifyInstance } from 'fastify'
import type { ServerContext } from '../../context.ts'
import { HttpRefusal } from '../http-refusal.ts'
import { observe } from '../observed.ts'

const SHARED_MEMORY = 'shared memory is not supported; send tensors in the body, in binary form for speed'
const TRACE = 'trace settings are not supported; traces go to the OpenTelemetry SDK of the program that serves'
const LOGGING = 'log settings are not supported; the level is an option of the server'

/** Triton's extensions that are not here: each says so, and what to do. */
export function routeUnsupported(app: FastifyInstance, context: ServerContext): void {
  const refusals: readonly (readonly [path: string, message: string])[] = [
    ['/v2/trace/setting', TRACE],
    ['/v2/models/:model/trace/setting', TRACE],
    ['/v2/logging', LOGGING],
    ...['/v2/systemsharedmemory', '/v2/cudasharedmemory'].flatMap((base) => [
      [`${base}/status`, SHARED_MEMORY] as const,
      [`${base}/unregister`, SHARED_MEMORY] as const,
      [`${base}/region/:region/:action`, SHARED_MEMORY] as const,
    ]),
  ]
  for (const [url, message] of refusals) {
    const handler = observe(context, 'unsupported', () => {
      throw new HttpRefusal(400, 'INPUT_INVALID', message)
    })
    app.route({ method: ['GET', 'POST'], url, handler })
  }
}
