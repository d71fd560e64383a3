import { availableParallelism } from 'node:os'

interface Request {
  readonly threads: number
  grant(): void
}

/** Cores for runs in progress: over the number of cores, libgomp's teams sleep and wake at every operator. */
export class CoreGate {
  readonly #cores: number
  readonly #waiting = new Set<Request>()
  #used = 0

  /** @param cores - threads that may run at once; default: the cores this process may use */
  constructor(cores = availableParallelism()) {
    this.#cores = cores
  }

  /**
   * Asks for cores; first come, first served. A run with more threads than there are cores gets all of them.
   *
   * @param grant - called once there is room, at once if there is; `release` must follow
   * @returns takes a request back that has not been granted
   */
  request(threads: number, grant: () => void): () => void {
    const request: Request = { threads, grant }
    this.#waiting.add(request)
    this.#dispatch()
    return () => {
      this.#waiting.delete(request)
      this.#dispatch()
    }
  }

  /** Gives the cores of an ended run back. */
  release(threads: number): void {
    this.#used -= threads
    this.#dispatch()
  }

  #dispatch(): void {
    for (const request of this.#waiting) {
      if (this.#used > 0 && this.#used + request.threads > this.#cores) return
      this.#waiting.delete(request)
      this.#used += request.threads
      request.grant()
    }
  }
}

/** Of all sessions on this JavaScript thread. */
export const processGate = new CoreGate()
