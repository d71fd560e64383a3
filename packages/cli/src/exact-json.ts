/** A string, or a number; strings first, so that digits inside of them are passed over. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** Begins the text that stands for a number; no JSON that people write has it. */
const MARK = '\u0000number '

/** Whether a number is another one once it is parsed: an integer beyond 2^53, or one beyond the range of a double. */
function changes(token: string): boolean {
  const value = Number(token)
  return !Number.isFinite(value) || (/^-?\d+$/.test(token) && !Number.isSafeInteger(value))
}

/**
 * Parses JSON and keeps numbers whole that a double cannot hold: {@link writtenNumber} gives their text.
 *
 * @throws SyntaxError for what is no JSON
 */
export function parseExactJson(text: string): unknown {
  JSON.parse(text)
  return JSON.parse(
    text.replace(TOKENS, (token) => (token[0] !== '"' && changes(token) ? JSON.stringify(MARK + token) : token)),
  )
}

/** The text of a number that {@link parseExactJson} has kept; null: it is something else. */
export function writtenNumber(value: unknown): string | null {
  return typeof value === 'string' && value.startsWith(MARK) ? value.slice(MARK.length) : null
}

/** The text of the first number anywhere in a value that a double cannot hold; null: there is none. */
export function firstWritten(value: unknown): string | null {
  const own = writtenNumber(value)
  if (own !== null || typeof value !== 'object' || value === null) return own
  for (const inner of Object.values(value)) {
    const found = firstWritten(inner)
    if (found !== null) return found
  }
  return null
}
