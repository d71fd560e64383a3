/** Smaller pieces are Node's own pool's business. */
const LEAST_BYTES = 16 * 1024
/** Larger replies are rare, and keeping their memory would be dear. */
const MOST_BYTES = 1024 * 1024
/** Of all that is kept for later. */
const KEPT_BYTES = 16 * 1024 * 1024

/**
 * Memory for the bodies of replies, used again once a reply is sent. New memory for each is counted by V8 as pressure from
 * outside its heap: with replies of 64 kB it collected garbage for a third of the time.
 */
export class ReplyMemory {
  readonly #free = new Map<number, ArrayBuffer[]>()
  #kept = 0

  /** At least so many bytes; their content is arbitrary. */
  readonly take = (bytes: number): Buffer<ArrayBuffer> => {
    if (bytes < LEAST_BYTES || bytes > MOST_BYTES) return Buffer.allocUnsafe(bytes)
    const size = 2 ** Math.ceil(Math.log2(bytes))
    const memory = this.#free.get(size)?.pop()
    if (!memory) return Buffer.from(new ArrayBuffer(size), 0, bytes)
    this.#kept -= size
    return Buffer.from(memory, 0, bytes)
  }

  /** A reply in memory of {@link ReplyMemory.take} has been sent: nobody reads it any more. */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    const size = buffer.byteLength
    const isOurs = size >= LEAST_BYTES && size <= MOST_BYTES && (size & (size - 1)) === 0
    if (!isOurs || this.#kept + size > KEPT_BYTES) return
    const free = this.#free.get(size)
    if (free) free.push(buffer)
    else this.#free.set(size, [buffer])
    this.#kept += size
  }
}
