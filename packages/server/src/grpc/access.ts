import { type Metadata, status } from '@grpc/grpc-js'
import { bearerOf, Secrets } from '../protocol/secrets.ts'
import { GrpcRefusal } from './status.ts'

/** Who may call what: keys for everything but health, a token for load and unload. */
export interface Access {
  /** A name for the key or token that is shown; null when none is right. */
  userOf(metadata: Metadata): string | null
  /** @throws GrpcRefusal `UNAUTHENTICATED` */
  requireUser(metadata: Metadata): void
  /** @throws GrpcRefusal `PERMISSION_DENIED` */
  requireOperator(metadata: Metadata): void
}

/** What a caller shows: `authorization: Bearer SECRET` or `x-api-key: SECRET`. */
function shownIn(metadata: Metadata): readonly string[] {
  const texts = (name: string): readonly string[] => metadata.get(name).map(String)
  const bearers = texts('authorization').flatMap((value) => bearerOf(value) ?? [])
  return [...bearers, ...texts('x-api-key')]
}

/**
 * @param apiKeys - empty: everybody may use models
 * @param repositoryToken - null: nobody may load and unload
 */
export function createAccess(apiKeys: readonly string[], repositoryToken: string | null): Access {
  const secrets = new Secrets(apiKeys, repositoryToken)
  return {
    userOf: (metadata) => secrets.userOf(shownIn(metadata)),
    requireUser: (metadata) => {
      const shown = shownIn(metadata)
      if (secrets.mayUse(shown)) return
      throw new GrpcRefusal(
        status.UNAUTHENTICATED,
        shown.length === 0
          ? 'this server asks for an API key: metadata "authorization: Bearer KEY" or "x-api-key: KEY"'
          : 'the API key that was sent is none of this server\'s; check it, in metadata "authorization: Bearer KEY" or "x-api-key: KEY"',
      )
    },
    requireOperator: (metadata) => {
      if (!secrets.hasToken) {
        throw new GrpcRefusal(
          status.PERMISSION_DENIED,
          'load and unload over the network are switched off; the server is started with a repository token to switch them on',
        )
      }
      if (secrets.mayOperate(shownIn(metadata))) return
      throw new GrpcRefusal(
        status.PERMISSION_DENIED,
        'load and unload ask for the repository token: metadata "authorization: Bearer TOKEN" or "x-api-key: TOKEN"',
      )
    },
  }
}
