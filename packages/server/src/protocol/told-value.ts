/** How much of a nested value is looked at: JSON.stringify goes as deep as the value does, and a body may nest without end. */
const DEPTH = 3

function shallow(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return Array.isArray(value) ? [] : {}
  if (Array.isArray(value)) return value.slice(0, 40).map((inner) => shallow(inner, depth - 1))
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, 40)
      .map(([key, inner]) => [key, shallow(inner, depth - 1)]),
  )
}

/** A value of a request, short, for a message that says what came instead of what was expected. */
export function toldValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(shallow(value, DEPTH)) ?? typeof value
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
