import { createHash, timingSafeEqual } from 'node:crypto'

/** Digest of a key or token: all are of one length. */
export function secretDigest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Compared each with each: the time tells nothing of the secrets. */
export function isAnyOf(shown: readonly Buffer[], known: readonly Buffer[]): boolean {
  let found = false
  for (const one of shown) for (const other of known) if (timingSafeEqual(one, other)) found = true
  return found
}

/** `SECRET` of an `Authorization: Bearer SECRET`; null for anything else. */
export function bearerOf(authorization: string): string | null {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? null
}
