import { availableParallelism } from 'node:os'
import { Queue } from '@tensorferry/core'

interface Request {
  readonly threads: number
  grant(): void
}

/** Cores for runs in progress: over the number of cores, libgomp's teams sleep and wake at every operator. */
export class CoreGate {
  readonly #cores: number
  readonly #waiting = new Queue<Request>()
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
    const place = this.#waiting.add({ threads, grant })
    this.#dispatch()
    return () => {
      this.#waiting.remove(place)
      this.#dispatch()
    }
  }

  /** Gives the cores of an ended run back. */
  release(threads: number): void {
    this.#used -= threads
    this.#dispatch()
  }

  #dispatch(): void {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (this.#used > 0 && this.#used + next.threads > this.#cores) return
      this.#waiting.take()
      this.#used += next.threads
      next.grant()
    }
  }
}

/** Of all sessions on this JavaScript thread. */
export const processGate = new CoreGate()
