const ROUNDS = 64
const BLOCK = 64

/** The first 32 bits of the fraction of a root of each of the first primes: FIPS 180-4, 4.2.2 and 5.3.3. */
function fractions(count: number, power: number): Uint32Array {
  const words: number[] = []
  for (let candidate = 2; words.length < count; candidate++) {
    let isPrime = true
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) if (candidate % divisor === 0) isPrime = false
    if (isPrime) words.push((candidate ** power % 1) * 2 ** 32)
  }
  return Uint32Array.from(words)
}

const turn = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits))

/** SHA-256 of a stream of bytes (FIPS 180-4). */
export class Sha256 {
  readonly #constants = fractions(ROUNDS, 1 / 3)
  readonly #state = fractions(8, 1 / 2)
  readonly #words = new Int32Array(ROUNDS)
  readonly #block = new Uint8Array(BLOCK)
  readonly #view = new DataView(this.#block.buffer)
  #filled = 0
  #size = 0

  update(bytes: Uint8Array): void {
    this.#size += bytes.length
    for (let from = 0; from < bytes.length; ) {
      const piece = bytes.subarray(from, from + BLOCK - this.#filled)
      this.#block.set(piece, this.#filled)
      this.#filled += piece.length
      from += piece.length
      if (this.#filled === BLOCK) this.#compress()
    }
  }

  /** 32 bytes; nothing can be added after it. */
  digest(): Uint8Array {
    const size = this.#size
    this.#block[this.#filled++] = 0x80
    this.#block.fill(0, this.#filled)
    if (this.#filled > BLOCK - 8) {
      this.#compress()
      this.#block.fill(0)
    }
    this.#view.setBigUint64(BLOCK - 8, BigInt(size) * 8n)
    this.#compress()
    const digest = new DataView(new ArrayBuffer(32))
    this.#state.forEach((word, index) => {
      digest.setUint32(4 * index, word)
    })
    return new Uint8Array(digest.buffer)
  }

  #compress(): void {
    const words = this.#words
    for (let i = 0; i < 16; i++) words[i] = this.#view.getInt32(4 * i)
    for (let i = 16; i < ROUNDS; i++) {
      const early = words[i - 15]!
      const late = words[i - 2]!
      const first = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3)
      const second = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10)
      words[i] = words[i - 16]! + first + words[i - 7]! + second
    }
    let [a, b, c, d, e, f, g, h] = this.#state as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    for (let i = 0; i < ROUNDS; i++) {
      const choice = (e & f) ^ (~e & g)
      const majority = (a & b) ^ (a & c) ^ (b & c)
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + this.#constants[i]! + words[i]!) | 0
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0
      h = g
      g = f
      f = e
      e = (d + one) | 0
      d = c
      c = b
      b = a
      a = (one + two) | 0
    }
    for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) this.#state[index]! += word
    this.#filled = 0
  }
}
