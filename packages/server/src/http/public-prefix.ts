import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'

/** Marks requests whose address had the base path before it. */
const STRIPPED: unique symbol = Symbol('stripped')
const HEADER = 'x-forwarded-prefix'
/** Parts of a path that need no quoting anywhere. */
const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+$/
const MOST_LENGTH = 256

/** A path as it goes before addresses: `/ml`; empty for the root; null: it is none. */
export function normalPrefix(text: string): string | null {
  const bare = text.trim().replace(/\/+$/, '')
  if (bare === '') return ''
  const prefix = bare.startsWith('/') ? bare : `/${bare}`
  const isClimbing = prefix.split('/').some((part) => part === '.' || part === '..')
  return prefix.length <= MOST_LENGTH && PREFIX.test(prefix) && !isClimbing ? prefix : null
}

/** Takes the base path off addresses that have it: behind a proxy that leaves it there. Others are answered as they are. */
export function stripBasePath(basePath: string): (message: IncomingMessage) => string {
  return (message) => {
    const url = message.url ?? '/'
    if (!url.startsWith(basePath)) return url
    const rest = url.slice(basePath.length)
    if (rest !== '' && rest[0] !== '/' && rest[0] !== '?') return url
    ;(message as { [STRIPPED]?: true })[STRIPPED] = true
    return rest[0] === '/' ? rest : `/${rest}`
  }
}

/** What proxies say that they have taken off, the outermost first; null: nothing that can be one. */
function forwardedPrefix({ headers }: FastifyRequest): string | null {
  const header = headers[HEADER]
  if (typeof header !== 'string') return null
  const parts = header.split(',', 8).map(normalPrefix)
  return parts.includes(null) ? null : parts.join('')
}

/**
 * What clients have before this server's addresses, by the proxy's word or by the options.
 *
 * @param basePath - of the options; empty: none
 * @returns such as `/ml`; null: nobody says, and there may be one all the same
 */
export function publicPrefix(request: FastifyRequest, basePath: string): string | null {
  const forwarded = forwardedPrefix(request)
  const isStrippedHere = (request.raw as { [STRIPPED]?: true })[STRIPPED] === true
  if (forwarded === null) return basePath === '' ? null : basePath
  // A proxy before the one that leaves the base path.
  return isStrippedHere && !forwarded.endsWith(basePath) ? forwarded + basePath : forwarded
}
