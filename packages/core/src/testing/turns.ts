/** Waits for one turn of the caller's event loop: `setImmediate`, or a message where that is missing. */
export function turn(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve))
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

/** Waits for several turns. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

/** Turns that something may take which the rules want at once: far less than the slow fixture's run, on any machine. */
export const AT_ONCE = 10

/** True when the promise settles within {@link AT_ONCE} turns. */
export async function settlesAtOnce(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = (): void => {
    settled = true
  }
  promise.then(settle, settle)
  for (let i = 0; i < AT_ONCE && !settled; i++) await turn()
  return settled
}
