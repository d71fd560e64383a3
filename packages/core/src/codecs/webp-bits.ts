import { damagedPicture } from './damaged.ts'

/** Bits of a VP8L stream, lowest first. */
export class BitReader {
  readonly #bytes: Uint8Array
  #at = 0
  #held = 0
  #count = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }
  /** The next 0 to 24 bits, left where they are; zeros behind the end. */
  peek(bits: number): number {
    while (this.#count < bits) {
      this.#held |= (this.#bytes[this.#at++] ?? 0) << this.#count
      this.#count += 8
    }
    return this.#held & ((1 << bits) - 1)
  }
  /** Passes over bits that were peeked at. */
  skip(bits: number): void {
    this.#held >>>= bits
    this.#count -= bits
  }
  /** The next 0 to 24 bits as a number. */
  read(bits: number): number {
    const value = this.peek(bits)
    this.skip(bits)
    return value
  }
  /** @throws TensorferryError `INPUT_INVALID` when more was read than there is */
  requireInside(): void {
    if (this.#at * 8 - this.#count > this.#bytes.length * 8) throw damagedPicture('WebP', 'its pixels end too early')
  }
}

const ROOT_BITS = 8

/** Codes of symbols, as a table of the short ones and the canonical order for the rest. */
export class PrefixCode {
  /** Symbol * 16 + length by the next bits; 0 for codes that are longer. */
  readonly #root = new Uint32Array(1 << ROOT_BITS)
  /** Symbols in the order of their codes. */
  readonly #symbols: Uint16Array
  /** How many codes there are of each length. */
  readonly #counts = new Uint16Array(16)
  readonly #single: number

  /** @throws TensorferryError `INPUT_INVALID` when the lengths (0 to 15 for each symbol) make no complete code */
  constructor(lengths: Uint8Array) {
    for (const length of lengths) if (length > 0) this.#counts[length]!++
    const offsets = new Uint16Array(17)
    let free = 1
    for (let length = 1; length < 16; length++) {
      offsets[length + 1] = offsets[length]! + this.#counts[length]!
      free = free * 2 - this.#counts[length]!
      if (free < 0) throw damagedPicture('WebP', 'a prefix code has too many codes')
    }
    const used = offsets[16]!
    this.#symbols = new Uint16Array(used)
    // A code of one symbol takes no bits.
    this.#single = used === 1 ? lengths.findIndex((length) => length > 0) : -1
    if (used === 0 || (used > 1 && free > 0)) throw damagedPicture('WebP', 'a prefix code has too few codes')
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol]!
      if (length > 0) this.#symbols[offsets[length]!++] = symbol
    }
    let code = 0
    let index = 0
    for (let length = 1; length <= ROOT_BITS; length++, code <<= 1) {
      for (let i = 0; i < this.#counts[length]!; i++, code++, index++) {
        this.#fill(code, length, this.#symbols[index]!)
      }
    }
  }

  /** Every entry of the root that begins with a code. */
  #fill(code: number, length: number, symbol: number): void {
    let reversed = 0
    for (let bit = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit)
    for (let at = reversed; at < this.#root.length; at += 1 << length) this.#root[at] = symbol * 16 + length
  }

  /** The next symbol. */
  read(bits: BitReader): number {
    if (this.#single >= 0) return this.#single
    const entry = this.#root[bits.peek(ROOT_BITS)]!
    if (entry > 0) {
      bits.skip(entry & 15)
      return entry >> 4
    }
    const window = bits.peek(15)
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length < 16; length++) {
      code = (code << 1) | ((window >> (length - 1)) & 1)
      const count = this.#counts[length]!
      if (code - first < count) {
        bits.skip(length)
        return this.#symbols[index + code - first]!
      }
      index += count
      first = (first + count) << 1
    }
    throw damagedPicture('WebP', 'a prefix code has no such symbol')
  }
}

/** In this order the lengths of the codes of lengths are written. */
const LENGTH_ORDER = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]

/** Reads a prefix code of an alphabet. @see RFC 9649, 3.7.2.1 */
export function readPrefixCode(bits: BitReader, size: number): PrefixCode {
  const lengths = new Uint8Array(size)
  if (bits.read(1)) {
    const two = bits.read(1)
    for (const symbol of [bits.read(bits.read(1) ? 8 : 1), ...(two ? [bits.read(8)] : [])]) {
      if (symbol >= size) throw damagedPicture('WebP', `there is no symbol ${symbol}`)
      lengths[symbol] = 1
    }
    return new PrefixCode(lengths)
  }
  const lengthLengths = new Uint8Array(19)
  const given = 4 + bits.read(4)
  for (let i = 0; i < given; i++) lengthLengths[LENGTH_ORDER[i]!] = bits.read(3)
  let left = bits.read(1) ? 2 + bits.read(2 + 2 * bits.read(3)) : size
  if (left > size) throw damagedPicture('WebP', 'a prefix code is larger than its alphabet')
  const lengthCode = new PrefixCode(lengthLengths)
  let previous = 8
  for (let symbol = 0; symbol < size && left > 0; left--) {
    const length = lengthCode.read(bits)
    if (length < 16) {
      lengths[symbol++] = length
      if (length > 0) previous = length
      continue
    }
    const repeats = length === 16 ? 3 + bits.read(2) : length === 17 ? 3 + bits.read(3) : 11 + bits.read(7)
    if (symbol + repeats > size) throw damagedPicture('WebP', 'a prefix code is larger than its alphabet')
    lengths.fill(length === 16 ? previous : 0, symbol, symbol + repeats)
    symbol += repeats
  }
  bits.requireInside()
  return new PrefixCode(lengths)
}
