import type { FastifyRequest } from 'fastify'

/** A request's path for messages, as the router takes it: without its query and fragment, and without a slash behind it. */
export function pathOf({ url }: Pick<FastifyRequest, 'url'>): string {
  const end = url.search(/[?#]/)
  const path = end === -1 ? url : url.slice(0, end)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}
