/** Loop turns are given between so many bytes: 20 MB at once hold the loop for 10 ms and more. */
export const SLICE_BYTES = 1024 * 1024

/** The next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Joins what arrived in pieces, in memory of its own, which can go over to a thread.
 *
 * @param chunks - none much larger than a slice
 */
export async function joinChunks(chunks: readonly Buffer[]): Promise<Buffer> {
  // Its pages are taken when they are written, not here.
  const bytes = Buffer.allocUnsafeSlow(chunks.reduce((sum, { length }) => sum + length, 0))
  let [offset, sinceTurn] = [0, 0]
  for (const chunk of chunks) {
    if (sinceTurn + chunk.length > SLICE_BYTES) {
      await nextTurn()
      sinceTurn = 0
    }
    offset += chunk.copy(bytes, offset)
    sinceTurn += chunk.length
  }
  return bytes
}
