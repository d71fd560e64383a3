/** Buffers for the inputs of runs, used again: fresh memory costs more than the copy into it. */
export class RunBuffers {
  readonly #free: ArrayBuffer[] = []
  readonly #kept: number

  /** @param kept - how many to keep at most while they are not in use */
  constructor(kept: number) {
    this.#kept = kept
  }

  /** A buffer of at least that many bytes, with anything in it. */
  take(byteLength: number): ArrayBuffer {
    const index = this.#free.findIndex(
      (buffer) => buffer.byteLength >= byteLength && buffer.byteLength <= 2 * byteLength,
    )
    if (index >= 0) return this.#free.splice(index, 1)[0]!
    return new ArrayBuffer(byteLength)
  }

  /** Gives a buffer back; the oldest makes room. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === 0) return
    this.#free.push(buffer)
    if (this.#free.length > this.#kept) this.#free.shift()
  }
}
