import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { HttpRefusal } from './http-refusal.ts'
import { pathOf } from './path-of.ts'

/** An address of the server, and the methods that it has. */
interface KnownPath {
  readonly pattern: RegExp
  readonly methods: Set<string>
}

/** `:name` is one part of an address, `*` whatever is left of it. */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+'
    return part === '*' ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`)
}

/**
 * Refuses what no route takes, before its body is read: 405 with `Allow` where the address has other methods, else 404.
 *
 * @param app - gets its routes afterwards
 */
export function refuseUnknown(app: FastifyInstance): void {
  const paths = new Map<string, KnownPath>()
  app.addHook('onRoute', ({ url, method }: RouteOptions) => {
    // One that takes every address, as CORS has it, says nothing of any.
    if (url === '*') return
    const known = paths.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    paths.set(url, known)
    for (const one of [method].flat()) known.methods.add(one)
  })
  const refusalOf = (request: FastifyRequest): HttpRefusal => {
    const path = pathOf(request)
    const found = [...paths.values()].filter(({ pattern }) => pattern.test(path))
    const methods = [...new Set(found.flatMap((known) => [...known.methods]))].sort().join(', ')
    const asked = `${request.method} ${request.url.slice(0, 200)}`
    return found.length === 0 || found.some((known) => known.methods.has(request.method))
      ? new HttpRefusal(404, 'NOT_FOUND', `nothing is at ${asked}`)
      : new HttpRefusal(405, 'METHOD_NOT_ALLOWED', `nothing is at ${asked}; this address takes ${methods}`, {
          allow: methods,
        })
  }
  app.addHook('onRequest', async (request) => {
    if (request.is404) throw refusalOf(request)
  })
  // For routes that find nothing themselves, such as files of a page.
  app.setNotFoundHandler((request) => {
    throw refusalOf(request)
  })
}
