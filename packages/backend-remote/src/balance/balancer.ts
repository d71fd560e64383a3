import { type CallOptions, TensorferryError, withCallOptions } from '@tensorferry/core'
import type { Connection, RequestOptions } from '../connection.ts'
import { Failure } from '../failure.ts'
import type { ResolvedOptions } from '../options.ts'
import { ServerState } from './server-state.ts'

const LONGEST_DELAY_MS = 2_000

/** A request to whichever server the balancer gives it. */
export type Request<T> = (connection: Connection, options: RequestOptions) => Promise<T>

type BalancerOptions = Pick<ResolvedOptions, 'retries' | 'retryDelayMs' | 'idempotent' | 'hedgeAfterMs' | 'timeoutMs'>

/** Sends each call to the server with the fewest calls in progress; tries again, and hedges, as the options allow. */
export class Balancer {
  readonly #servers: readonly ServerState[]
  readonly #options: BalancerOptions
  #next = 0

  constructor(connections: readonly Connection[], options: BalancerOptions) {
    this.#servers = connections.map((connection) => new ServerState(connection))
    this.#options = options
  }

  /** Addresses of the servers that are out, for reports. */
  get out(): readonly string[] {
    return this.#servers.filter(({ outSince }) => outSince !== null).map(({ connection }) => connection.url)
  }

  /**
   * Sends a request, with retries and within its time.
   *
   * @param isInference - false: a question, which may be asked again whatever became of the first time, and is not hedged
   * @throws TensorferryError what the last try failed with, `ABORTED`, `TIMED_OUT`
   */
  call<T>(request: Request<T>, callOptions: CallOptions | undefined, isInference = false): Promise<T> {
    const timeoutMs = callOptions?.timeoutMs ?? this.#options.timeoutMs ?? undefined
    const cancel = new AbortController()
    const deadline = timeoutMs === undefined ? null : performance.now() + timeoutMs
    return withCallOptions(
      { signal: callOptions?.signal, timeoutMs },
      () => this.#try(request, { signal: cancel.signal, deadline }, isInference),
      (error) => cancel.abort(error),
    )
  }

  /** Ends all connections. */
  close(): void {
    for (const server of this.#servers) server.close()
  }

  async #try<T>(request: Request<T>, options: RequestOptions, isInference: boolean): Promise<T> {
    const tried: ServerState[] = []
    for (let attempt = 0; ; attempt++) {
      try {
        return await (isInference ? this.#hedge(request, options, tried) : this.#send(request, options, tried))
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown
        const isSafe = thrown.kind === 'unsent' || thrown.kind === 'refused' || !isInference || this.#options.idempotent
        const mayTry =
          thrown.kind !== 'answered' && isSafe && attempt < this.#options.retries && !options.signal.aborted
        if (!isSafe && thrown.kind === 'broken') throw notTriedAgain(thrown.error)
        if (!mayTry) throw attempt === 0 ? thrown.error : afterTries(thrown.error, attempt + 1)
        const delay = this.#delayBefore(attempt, thrown, tried)
        if (options.deadline !== null && performance.now() + delay >= options.deadline) throw thrown.error
        await wait(delay, options.signal)
      }
    }
  }

  /** None when another server is at hand; else what the server asked for, or a random time that grows. */
  #delayBefore(attempt: number, failure: Failure, tried: readonly ServerState[]): number {
    if (this.#servers.some((server) => server.outSince === null && !tried.includes(server))) return 0
    const most = Math.min(LONGEST_DELAY_MS, this.#options.retryDelayMs * 2 ** attempt)
    return failure.retryAfterMs ?? Math.random() * most
  }

  /** Those that are in and were not tried yet, else those that are in, else whichever is out the longest. */
  #pick(tried: readonly ServerState[]): ServerState {
    const inside = this.#servers.filter(({ outSince }) => outSince === null)
    const fresh = inside.filter((server) => !tried.includes(server))
    const [longestOut] = this.#servers.toSorted((a, b) => (a.outSince ?? 0) - (b.outSince ?? 0))
    const candidates = fresh.length > 0 ? fresh : inside.length > 0 ? inside : [longestOut!]
    const fewest = Math.min(...candidates.map(({ inFlight }) => inFlight))
    const idlest = candidates.filter(({ inFlight }) => inFlight === fewest)
    // In turns among equals.
    return idlest[this.#next++ % idlest.length]!
  }

  async #send<T>(request: Request<T>, options: RequestOptions, tried: ServerState[]): Promise<T> {
    const server = this.#pick(tried)
    tried.push(server)
    server.inFlight++
    try {
      const result = await request(server.connection, options)
      server.succeed()
      return result
    } catch (error) {
      // A cancelled request says nothing of the server.
      if (error instanceof Failure && !options.signal.aborted) server.fail(error.kind)
      throw error
    } finally {
      server.inFlight--
    }
  }

  /** The request, and after a while the same again elsewhere; the first good answer counts. */
  async #hedge<T>(request: Request<T>, options: RequestOptions, tried: ServerState[]): Promise<T> {
    const { hedgeAfterMs } = this.#options
    if (hedgeAfterMs === null) return this.#send(request, options, tried)
    const loser = new AbortController()
    const signal = AbortSignal.any([options.signal, loser.signal])
    const both = { ...options, signal }
    const first = this.#send(request, both, tried)
    let timer: ReturnType<typeof setTimeout> | undefined
    const second = new Promise<T>((resolve, reject) => {
      let isSent = false
      timer = setTimeout(() => {
        isSent = true
        this.#send(request, both, tried).then(resolve, reject)
      }, hedgeAfterMs)
      // A first one that fails before that is a matter of retries, not of waiting.
      first.catch((error: unknown) => {
        if (!isSent) reject(error)
      })
    })
    try {
      return await Promise.any([first, second])
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error
    } finally {
      clearTimeout(timer)
      loser.abort()
    }
  }
}

/** A request that may have been run: whoever asked decides whether once more does harm. */
function notTriedAgain(error: TensorferryError): TensorferryError {
  return new TensorferryError(
    error.code,
    `${error.message}; it may have been run, so it was not tried again: set idempotent: true if running it twice does no harm`,
    { cause: error.cause, details: { ...error.details } },
  )
}

function afterTries(error: TensorferryError, tries: number): TensorferryError {
  return new TensorferryError(error.code, `${error.message} (tried ${tries} times)`, {
    cause: error.cause,
    details: { ...error.details, tries },
  })
}

/** Resolves after a time, or at once when the call has ended. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}
