import { TensorferryError } from '@tensorferry/core'

/** Bytes of memory that values of JSON take at most while they are parsed, as V8 does it: a number is boxed first. */
const VALUE_BYTES = 32
const ARRAY_BYTES = 48
const OBJECT_BYTES = 120
const STRING_BYTES = 48

/** Bytes that the values of one body may take. */
const MOST_VALUE_BYTES = 768 * 2 ** 20

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b

/** The place after a string's last quote, or the end. */
function skipString(bytes: Uint8Array, start: number): number {
  let place = start
  while (place < bytes.length) {
    const byte = bytes[place++]!
    if (byte === QUOTE) return place
    if (byte === BACKSLASH) place++
  }
  return place
}

/**
 * How much memory JSON unfolds to at most. `{},` is 3 bytes in a body and 50 in memory: what runs out of memory does not throw,
 * it ends the process, in a worker too.
 *
 * @returns bytes, an upper bound for what is valid JSON
 */
export function valueBytes(bytes: Uint8Array): number {
  let cost = VALUE_BYTES
  for (let place = 0; place < bytes.length; ) {
    const byte = bytes[place++]!
    // Most bytes are digits, points and signs.
    if (byte >= 0x2d && byte < OPEN_ARRAY) continue
    if (byte === COMMA) cost += VALUE_BYTES
    else if (byte === OPEN_ARRAY) cost += ARRAY_BYTES
    else if (byte === OPEN_OBJECT) cost += OBJECT_BYTES
    else if (byte === QUOTE) {
      const end = skipString(bytes, place)
      cost += STRING_BYTES + 2 * (end - place)
      place = end
    }
  }
  return cost
}

/** Refuses JSON that unfolds to too much. @throws TensorferryError `INPUT_INVALID` */
export function requireBearable(bytes: Uint8Array, most: number = MOST_VALUE_BYTES): void {
  // A byte costs 51 times itself at most, in `{},`.
  if (bytes.length * 60 <= most) return
  const cost = valueBytes(bytes)
  if (cost <= most) return
  throw new TensorferryError(
    'INPUT_INVALID',
    `the JSON would take about ${Math.ceil(cost / 2 ** 20)} MiB of memory, at most ${Math.floor(most / 2 ** 20)} are granted; send tensors in binary form`,
    { details: { cost, most } },
  )
}
