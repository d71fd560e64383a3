import { createHash, timingSafeEqual } from 'node:crypto'

/** Digest of a key or token: all are of one length. */
export function secretDigest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The known digest that is shown, or null. Compared each with each: the time tells nothing of the secrets. */
export function findShown(shown: readonly Buffer[], known: readonly Buffer[]): Buffer | null {
  let found: Buffer | null = null
  for (const one of shown) for (const other of known) if (timingSafeEqual(one, other)) found = other
  return found
}

/** `SECRET` of an `Authorization: Bearer SECRET`; null for anything else. */
export function bearerOf(authorization: string): string | null {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? null
}
