/** What a caller passed, in a few words, for messages: its value where that is short, else its kind. */
export function describeGiven(value: unknown): string {
  if (typeof value === 'object') return value === null ? 'null' : describeObject(value)
  switch (typeof value) {
    case 'undefined':
    case 'boolean':
    case 'number':
      return String(value)
    case 'string':
      return value === ''
        ? 'an empty string'
        : `${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`
    case 'bigint':
      return `${value}n`
    case 'function':
      return value.name === '' ? 'a function' : `the function ${value.name}`
    default:
      return `a ${typeof value}`
  }
}

function describeObject(value: object): string {
  if (Array.isArray(value)) return 'an Array'
  if (value instanceof Promise) return 'a Promise, which has to be awaited'
  const name = value.constructor?.name
  if (name && name !== 'Object') return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
  const keys = Object.keys(value)
  if (keys.length === 0) return 'an empty object'
  return `an object with ${keys.slice(0, 6).join(', ')}${keys.length > 6 ? ', …' : ''}`
}
