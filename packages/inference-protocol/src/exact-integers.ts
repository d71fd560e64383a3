/** More axes than any runtime takes; also what keeps nested arrays from nesting without end. */
export const MAX_RANK = 64

/** A string, or a number; strings first, so that digits inside of them are passed over. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
/** From 16 digits on an integer may lie beyond 2^53. */
const LONG_INTEGER = /^-?\d{16,}$/

/**
 * Parses JSON and keeps long integers whole: those of 16 digits and more become strings of their digits.
 *
 * @param text - JSON, known to be valid
 */
export function parseWithExactIntegers(text: string): unknown {
  return JSON.parse(text.replace(TOKENS, (token) => (LONG_INTEGER.test(token) ? `"${token}"` : token)))
}

/** Whether a number among the data, nested or not, may have lost digits when it was parsed. What nests deeper is no tensor. */
export function hasUnsafeIntegers(data: unknown, depth = MAX_RANK): boolean {
  if (typeof data === 'number') return !Number.isSafeInteger(data)
  return Array.isArray(data) && depth > 0 && data.some((inner) => hasUnsafeIntegers(inner, depth - 1))
}
