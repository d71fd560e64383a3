/** setTimeout takes 31 bits; a longer wait is as good as none. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Waits for work, and not for ever: what is late goes on unseen.
 *
 * @returns whether it has ended before so many milliseconds
 * @throws what the work rejects with before that
 */
export async function endsWithin(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(milliseconds, LONGEST_MS))
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
