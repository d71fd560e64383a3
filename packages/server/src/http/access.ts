import type { FastifyRequest } from 'fastify'
import { bearerOf, findShown, secretDigest } from '../protocol/secrets.ts'
import { HttpRefusal } from './http-refusal.ts'

/** Who may call what: keys for everything but probes and pages, a token for load and unload. */
export interface Access {
  /** A name for the key or token of the request; null when it shows none that is right. */
  userOf(request: FastifyRequest): string | null
  /** @throws HttpRefusal 401 */
  requireUser(request: FastifyRequest): void
  /** @throws HttpRefusal 403 */
  requireOperator(request: FastifyRequest): void
}

function secretsOf({ headers }: FastifyRequest): readonly Buffer[] {
  const bearer = bearerOf(headers.authorization ?? '')
  const key = headers['x-api-key']
  return [bearer, typeof key === 'string' ? key : null].filter((secret) => secret !== null).map(secretDigest)
}

/**
 * @param apiKeys - empty: everybody may use models
 * @param repositoryToken - null: nobody may load and unload
 */
export function createAccess(apiKeys: readonly string[], repositoryToken: string | null): Access {
  const token = repositoryToken === null ? [] : [secretDigest(repositoryToken)]
  const users = [...apiKeys.map(secretDigest), ...token]
  const userOf = (request: FastifyRequest): string | null =>
    users.length > 0 ? (findShown(secretsOf(request), users)?.toString('hex') ?? null) : null
  return {
    userOf,
    requireUser: (request) => {
      if (apiKeys.length === 0 || userOf(request) !== null) return
      throw new HttpRefusal(
        401,
        'UNAUTHORIZED',
        secretsOf(request).length === 0
          ? 'this server asks for an API key: send the header "Authorization: Bearer KEY" or "X-API-Key: KEY"'
          : 'the API key that was sent is none of this server\'s; check it, in "Authorization: Bearer KEY" or "X-API-Key: KEY"',
        { 'www-authenticate': 'Bearer' },
      )
    },
    requireOperator: (request) => {
      if (token.length > 0 && findShown(secretsOf(request), token)) return
      const reason =
        token.length === 0
          ? 'load and unload over the network are switched off; the server is started with a repository token to switch them on'
          : 'load and unload ask for the repository token: send the header "Authorization: Bearer TOKEN"'
      throw new HttpRefusal(403, 'FORBIDDEN', reason)
    },
  }
}
