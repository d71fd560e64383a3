/** Milliseconds between two tries at first, and at most. */
const FIRST_MS = 10_000
const LAST_MS = 300_000

/** Loads a model anew when it is broken, such as one whose worker thread has died; tries again ever more seldom. */
export class Recovery {
  readonly #reload: () => Promise<void>
  #waitMs = FIRST_MS
  #notBefore = 0
  #isTrying = false
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param reload - resolves when the model is new */
  constructor(reload: () => Promise<void>) {
    this.#reload = reload
  }

  /** Every run fails. */
  start(): void {
    if (this.#isTrying || this.#timer !== undefined || performance.now() < this.#notBefore) return
    void this.#try()
  }

  /** Somebody else loads or unloads the model. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#waitMs = FIRST_MS
  }

  async #try(): Promise<void> {
    this.#isTrying = true
    try {
      await this.#reload()
    } catch {
      // Told by whoever loads. Nothing asks for a model that is not there: the next try is the clock's.
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        void this.#try()
      }, this.#waitMs).unref()
      this.#waitMs = Math.min(2 * this.#waitMs, LAST_MS)
    } finally {
      this.#isTrying = false
      this.#notBefore = performance.now() + this.#waitMs
    }
  }
}
