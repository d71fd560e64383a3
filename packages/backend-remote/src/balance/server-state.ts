import type { Connection } from '../connection.ts'
import type { FailureKind } from '../failure.ts'

/** Broken calls in a row that take a server out; one that cannot be reached is out at once. */
const MOST_BROKEN = 3
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
const CHECK_TIMEOUT_MS = 5_000

/** One server as the balancer sees it: in, or out until a health check says that it is back. */
export class ServerState {
  readonly connection: Connection
  /** Calls in progress. */
  inFlight = 0
  #broken = 0
  #pauses = 0
  #outSince: number | null = null
  #timer: ReturnType<typeof setTimeout> | null = null
  #isClosed = false

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** By `performance.now()`; null: it is in. */
  get outSince(): number | null {
    return this.#outSince
  }

  /** An answer of any kind came. */
  succeed(): void {
    this.#broken = 0
    this.#pauses = 0
    this.#comeBack()
  }

  /** A call failed. An answer that is an error of the request's own is none of the server's. */
  fail(kind: FailureKind): void {
    if (kind === 'answered') this.succeed()
    if (kind === 'answered' || kind === 'refused') return
    this.#broken++
    if (kind === 'unsent' || this.#broken >= MOST_BROKEN) this.#goOut()
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.connection.close()
  }

  #comeBack(): void {
    this.#outSince = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #goOut(): void {
    if (this.#isClosed || this.#timer !== null) return
    this.#outSince ??= performance.now()
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#pauses++)
    this.#timer = setTimeout(() => void this.#check(), pause)
    // In Node: a program that has nothing else to do may end.
    ;(this.#timer as { unref?(): void }).unref?.()
  }

  async #check(): Promise<void> {
    const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS)
    const deadline = performance.now() + CHECK_TIMEOUT_MS
    const isReady = await this.connection.isReady({ signal, deadline }).catch(() => false)
    this.#timer = null
    if (this.#isClosed || this.#outSince === null) return
    if (isReady) this.succeed()
    else this.#goOut()
  }
}
