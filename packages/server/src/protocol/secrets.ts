import { createHash, timingSafeEqual } from 'node:crypto'

/** Digest of a key or token: all are of one length. */
function secretDigest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The known digest of a secret that is shown, or null. Compared each with each: the time tells nothing of the secrets. */
function findShown(shown: readonly string[], known: readonly Buffer[]): Buffer | null {
  let found: Buffer | null = null
  if (known.length === 0) return found
  for (const one of shown.map(secretDigest)) for (const other of known) if (timingSafeEqual(one, other)) found = other
  return found
}

/** `SECRET` of an `Authorization: Bearer SECRET`; null for anything else. */
export function bearerOf(authorization: string): string | null {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? null
}

/** A server's keys and its token, whatever the protocol that they are shown in. */
export class Secrets {
  /** Whether load and unload are switched on: there is a token. */
  readonly hasToken: boolean
  readonly #asksForKey: boolean
  readonly #token: readonly Buffer[]
  readonly #users: readonly Buffer[]

  /**
   * @param apiKeys - empty: everybody may use models
   * @param repositoryToken - null: nobody may load and unload
   */
  constructor(apiKeys: readonly string[], repositoryToken: string | null) {
    this.hasToken = repositoryToken !== null
    this.#asksForKey = apiKeys.length > 0
    this.#token = repositoryToken === null ? [] : [secretDigest(repositoryToken)]
    this.#users = [...apiKeys.map(secretDigest), ...this.#token]
  }

  /** A name for the key or token that is shown; null when none is right. */
  userOf(shown: readonly string[]): string | null {
    return findShown(shown, this.#users)?.toString('hex') ?? null
  }

  /** Whether somebody who shows these may use models. */
  mayUse(shown: readonly string[]): boolean {
    return !this.#asksForKey || this.userOf(shown) !== null
  }

  /** Whether somebody who shows these may load and unload. */
  mayOperate(shown: readonly string[]): boolean {
    return findShown(shown, this.#token) !== null
  }
}
