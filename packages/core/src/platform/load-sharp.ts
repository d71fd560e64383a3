import { join } from 'node:path'
import { findPackage } from './node-package.ts'
import { requireFrom } from './require-from.ts'

/** sharp's function. */
export type Sharp = typeof import('sharp').default

/**
 * Loads sharp, an optional peer with native code, see {@link findPackage}.
 *
 * @throws what Node throws when it is not installed or does not load
 */
export function loadSharp(): Sharp {
  const path = findPackage('sharp', '@tensorferry/core', import.meta.url) ?? 'sharp'
  return requireFrom(join(process.cwd(), 'package.json'))(path) as Sharp
}
