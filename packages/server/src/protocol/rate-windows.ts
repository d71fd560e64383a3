/** Clients that are remembered at most; beyond it all windows begin anew. */
const MOST_CLIENTS = 100_000

/** Counts the requests of each client in windows of time. */
export class RateWindows {
  readonly #requests: number
  readonly #perMs: number
  readonly #windows = new Map<string, { start: number; count: number }>()

  /** @param limit - `requests` in `perMs` milliseconds */
  constructor({ requests, perMs }: { readonly requests: number; readonly perMs: number }) {
    this.#requests = requests
    this.#perMs = perMs
  }

  /** Counts a request. Null: it may go on; else the seconds until the client may come again. */
  take(client: string): number | null {
    const now = performance.now()
    let window = this.#windows.get(client)
    if (!window || now - window.start >= this.#perMs) {
      if (this.#windows.size >= MOST_CLIENTS) this.#windows.clear()
      window = { start: now, count: 0 }
      this.#windows.set(client, window)
    }
    if (++window.count <= this.#requests) return null
    return Math.max(1, Math.ceil((window.start + this.#perMs - now) / 1000))
  }
}
