/** How fast a queue empties, from the runs of late: what a refused client is told to wait. */
export class DrainRate {
  #msPerRequest: number | null = null

  /** A run of some requests has ended. */
  add(requests: number, ms: number, replicas: number): void {
    const sample = ms / requests / replicas
    // The last ten or so count: the load of a minute ago says little.
    this.#msPerRequest = this.#msPerRequest === null ? sample : 0.9 * this.#msPerRequest + 0.1 * sample
  }

  /** Whole seconds, at least 1, until so many requests are answered. */
  secondsFor(requests: number): number {
    return Math.max(1, Math.ceil((requests * (this.#msPerRequest ?? 0)) / 1000))
  }
}
