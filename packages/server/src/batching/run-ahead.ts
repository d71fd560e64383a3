import type { QueueSizes, WaitingRequest } from './waiting-requests.ts'

/** A request whose caller may have left. */
interface Leaving extends WaitingRequest {
  readonly isSettled: boolean
}

/** A run that the session has been given while the one before it is in progress. Its requests wait still. */
export class RunAhead<R extends Leaving> implements QueueSizes {
  readonly #all: readonly R[]
  /** A real one: sessions hand its signal on, to `fetch` for one. */
  readonly #leaving = new AbortController()
  readonly rows: number
  readonly bytes: number

  constructor(requests: readonly R[]) {
    this.#all = requests
    this.rows = requests.reduce((sum, { rows }) => sum + rows, 0)
    this.bytes = requests.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get requests(): number {
    return this.#all.length
  }

  /** For the session: fires when nobody waits for the run any more. */
  get signal(): AbortSignal {
    return this.#leaving.signal
  }

  /** The session was told to leave it out. */
  get isLeftOut(): boolean {
    return this.#leaving.signal.aborted
  }

  /** Somebody has left; the last one takes the run with him. */
  left(): void {
    if (this.#all.every(({ isSettled }) => isSettled)) this.#leaving.abort()
  }

  /** Those that wait for it. */
  get waiting(): readonly R[] {
    return this.#all.filter(({ isSettled }) => !isSettled)
  }
}
