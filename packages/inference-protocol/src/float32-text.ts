/** Bytes that {@link writeFloat32} needs for one number and its comma at most, as in `-0.00000123456789,`. */
export const FLOAT32_TEXT_BYTES = 18

const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30

/** Digits that always tell one float32 from the next. */
const DIGITS = 9
/** Powers of ten from 1 to 1e9, and one over them. */
const POWERS = Float64Array.from({ length: 10 }, (_, index) => 10 ** index)

/** For each exponent of float32: what brings its numbers to 9 digits before the point, below and from the power of ten that lies in it. */
const SCALES = new Float64Array(512)
/** The power of ten of the first digit, in the same order. */
const LEADING = new Int32Array(512)
/** The power of ten that lies inside the exponent's range, or above it. */
const NEXT_POWER = new Float64Array(256)
/** Half the distance to the next float32. */
const HALF_STEP = new Float64Array(256)

for (let exponent = 1; exponent < 255; exponent++) {
  const lowest = 2 ** (exponent - 127)
  const leading = Math.floor(Math.log10(lowest) + 1e-12)
  NEXT_POWER[exponent] = Number(`1e${leading + 1}`)
  HALF_STEP[exponent] = 2 ** (exponent - 127 - 24)
  for (const carry of [0, 1]) {
    LEADING[2 * exponent + carry] = leading + carry
    SCALES[2 * exponent + carry] = Number(`1e${DIGITS - 1 - leading - carry}`)
  }
}

/** Two digits of each number from 0 to 99. */
const PAIRS = new Uint8Array(200)
for (let value = 0; value < 100; value++) {
  PAIRS[2 * value] = ZERO + Math.floor(value / 10)
  PAIRS[2 * value + 1] = ZERO + (value % 10)
}

/** Writes `digits`, which has `count` decimal digits, and returns the place after it. */
function writeDigits(out: Uint8Array, start: number, digits: number, count: number): number {
  let place = start + count
  let rest = digits | 0
  while (rest >= 100) {
    const quotient = (rest / 100) | 0
    const pair = (rest - quotient * 100) << 1
    place -= 2
    out[place] = PAIRS[pair]!
    out[place + 1] = PAIRS[pair + 1]!
    rest = quotient
  }
  if (rest >= 10) {
    out[place - 2] = PAIRS[rest << 1]!
    out[place - 1] = PAIRS[(rest << 1) + 1]!
  } else {
    out[place - 1] = ZERO + rest
  }
  return start + count
}

function countDigits(value: number): number {
  let count = 1
  while (count < 10 && value >= POWERS[count]!) count++
  return count
}

/** Makes room for a point in digits just written, before the last `behind` of them. */
function insertPoint(out: Uint8Array, end: number, behind: number): number {
  for (let place = end; place > end - behind; place--) out[place] = out[place - 1]!
  out[end - behind] = POINT
  return end + 1
}

/** `digits * 10 ** power`, with an exponent from 1e16 on, as Python has it, and below 1e-6, as JavaScript. */
function writeDecimal(out: Uint8Array, start: number, digits: number, count: number, power: number): number {
  const before = count + power
  let place = start
  if (before > 0 && before <= 16) {
    place = writeDigits(out, place, digits, count)
    if (power < 0) return insertPoint(out, place, -power)
    for (let zero = 0; zero < power; zero++) out[place++] = ZERO
    return place
  }
  if (before <= 0 && before > -6) {
    out[place++] = ZERO
    out[place++] = POINT
    for (let zero = before; zero < 0; zero++) out[place++] = ZERO
    return writeDigits(out, place, digits, count)
  }
  place = writeDigits(out, place, digits, count)
  if (count > 1) place = insertPoint(out, place, count - 1)
  out[place++] = 0x65
  const exponent = before - 1
  out[place++] = exponent < 0 ? MINUS : 0x2b
  const size = Math.abs(exponent)
  return writeDigits(out, place, size, countDigits(size))
}

function writeAscii(out: Uint8Array, start: number, text: string): number {
  for (let index = 0; index < text.length; index++) out[start + index] = text.charCodeAt(index)
  return start + text.length
}

/** The rare ones: below the normal range, or so near to the middle between two float32 that a double cannot decide. */
function writeSlowly(out: Uint8Array, start: number, value: number): number {
  let precision = 1
  while (precision < DIGITS && Math.fround(Number(value.toPrecision(precision))) !== value) precision++
  return writeAscii(out, start, String(Number(value.toPrecision(precision))))
}

/**
 * Writes float32 numbers as JSON text with commas between them, each with the digits that lead back to the same float32,
 * also for a reader that parses a double first. NaN and the infinities become the strings of protobuf's JSON mapping.
 *
 * The nearest decimal with few digits is sought in doubles: 53 bits are enough to see which decimals lie between the two
 * neighbours' halfway points, save when one lies within 4e-16 of them; that one is then passed over.
 *
 * @param values - any float32
 * @param out - has {@link FLOAT32_TEXT_BYTES} left for each
 * @param start - where to begin
 * @returns the place after the last byte
 */
export function writeFloat32(values: Float32Array, out: Uint8Array, start: number): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let place = start
  for (let index = 0; index < values.length; index++) {
    if (index > 0) out[place++] = COMMA
    const word = bits[index]!
    const exponent = (word >>> 23) & 0xff
    let value = values[index]!
    if (exponent === 0xff) {
      place = writeAscii(out, place, Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"')
      continue
    }
    if (word >>> 31 !== 0) {
      out[place++] = MINUS
      value = -value
    }
    if (value < 16_777_216 && value === (value | 0)) {
      place = writeDigits(out, place, value, countDigits(value))
      continue
    }
    if (exponent === 0) {
      place = writeSlowly(out, place, value)
      continue
    }
    const entry = 2 * exponent + (value >= NEXT_POWER[exponent]! ? 1 : 0)
    const scale = SCALES[entry]!
    const scaled = value * scale
    const half = HALF_STEP[exponent]! * scale
    const margin = scaled * 4.5e-16
    // Below a power of two the neighbour is nearer.
    const low = scaled - ((word & 0x7fffff) === 0 ? half * 0.5 : half) + margin
    const high = scaled + half - margin
    let digits = Math.floor(scaled + 0.5)
    if (digits <= low || digits >= high) {
      place = writeSlowly(out, place, value)
      continue
    }
    let dropped = 0
    while (dropped < DIGITS) {
      const power = POWERS[dropped + 1]!
      const shorter = Math.floor(scaled / power + 0.5)
      const candidate = shorter * power
      if (candidate <= low || candidate >= high) break
      digits = shorter
      dropped++
    }
    const count = digits >= POWERS[DIGITS - dropped]! ? DIGITS - dropped + 1 : DIGITS - dropped
    place = writeDecimal(out, place, digits, count, dropped + LEADING[entry]! - (DIGITS - 1))
  }
  return place
}
