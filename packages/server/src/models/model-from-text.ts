import type { ModelOptions } from '../options.ts'

/** A name, an equals sign, and more: `digits=./bundles/digits`. A path or URL has something else before its first `=`. */
const NAMED = /^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})=(.+)$/s

/** Reads `NAME=PATH`, or a path or URL alone. */
export function modelFromText(text: string): ModelOptions {
  const named = NAMED.exec(text)
  return named ? { name: named[1]!, source: named[2]! } : { source: text }
}
