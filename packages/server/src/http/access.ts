import type { FastifyRequest } from 'fastify'
import { bearerOf, Secrets } from '../protocol/secrets.ts'
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

function shownIn({ headers }: FastifyRequest): readonly string[] {
  const bearer = bearerOf(headers.authorization ?? '')
  const key = headers['x-api-key']
  return [bearer, typeof key === 'string' ? key : null].filter((secret) => secret !== null)
}

/**
 * @param apiKeys - empty: everybody may use models
 * @param repositoryToken - null: nobody may load and unload
 */
export function createAccess(apiKeys: readonly string[], repositoryToken: string | null): Access {
  const secrets = new Secrets(apiKeys, repositoryToken)
  return {
    userOf: (request) => secrets.userOf(shownIn(request)),
    requireUser: (request) => {
      const shown = shownIn(request)
      if (secrets.mayUse(shown)) return
      throw new HttpRefusal(
        401,
        'UNAUTHORIZED',
        shown.length === 0
          ? 'this server asks for an API key: send the header "Authorization: Bearer KEY" or "X-API-Key: KEY"'
          : 'the API key that was sent is none of this server\'s; check it, in "Authorization: Bearer KEY" or "X-API-Key: KEY"',
        { 'www-authenticate': 'Bearer' },
      )
    },
    requireOperator: (request) => {
      if (secrets.mayOperate(shownIn(request))) return
      const reason = !secrets.hasToken
        ? 'load and unload over the network are switched off; the server is started with a repository token to switch them on'
        : 'load and unload ask for the repository token: send the header "Authorization: Bearer TOKEN"'
      throw new HttpRefusal(403, 'FORBIDDEN', reason)
    },
  }
}
