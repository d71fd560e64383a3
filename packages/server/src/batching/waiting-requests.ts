import { TensorferryError, type Tensors } from '@tensorferry/core'

/** A request that waits for its run. */
export interface WaitingRequest {
  readonly inputs: Tensors
  readonly rows: number
  readonly bytes: number
  /** Requests of one key may share a run; null: it runs alone. */
  readonly key: string | null
  /** `performance.now()` when it came. */
  readonly since: number
}

/** Bounds of what may wait. */
export interface QueueBounds {
  readonly maxRequests: number
  readonly maxRows: number
  readonly maxBytes: number
}

/** How much waits. */
export interface QueueSizes {
  readonly requests: number
  readonly rows: number
  /** Of the inputs. */
  readonly bytes: number
}

/** How much goes into one run. */
export interface RunLimits {
  readonly maxRows: number
  /** Of the inputs. */
  readonly maxBytes: number
}

/** Requests that wait for their runs, bounded, first come first served; those of one key are found without a search. */
export class WaitingRequests<R extends WaitingRequest> implements QueueSizes {
  /** In the order in which they came; a Set because any of them can leave. */
  readonly #all = new Set<R>()
  readonly #byKey = new Map<string, Set<R>>()
  #rows = 0
  #bytes = 0

  get requests(): number {
    return this.#all.size
  }

  get rows(): number {
    return this.#rows
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Puts a request at the end. */
  add(request: R): void {
    this.#all.add(request)
    this.#rows += request.rows
    this.#bytes += request.bytes
    if (request.key === null) return
    const lane = this.#byKey.get(request.key)
    if (lane) lane.add(request)
    else this.#byKey.set(request.key, new Set([request]))
  }

  /** Takes a request out, such as one whose client is gone; false: it did not wait any more. */
  remove(request: R): boolean {
    if (!this.#all.delete(request)) return false
    this.#rows -= request.rows
    this.#bytes -= request.bytes
    if (request.key === null) return true
    const lane = this.#byKey.get(request.key)!
    lane.delete(request)
    if (lane.size === 0) this.#byKey.delete(request.key)
    return true
  }

  /**
   * Takes out what the next run is made of: the request that waits longest and may run, with the next ones of its key.
   *
   * @param limits - of a run; a request with more runs alone
   * @param since - requests that came later wait on for others, unless their run is full; Infinity: none does
   * @returns empty: nothing may run yet
   */
  takeRun(limits: RunLimits, since: number): R[] {
    const seen = new Set<string>()
    for (const first of this.#all) {
      if (first.key === null) {
        this.remove(first)
        return [first]
      }
      // Those behind it are of its run.
      if (seen.has(first.key)) continue
      seen.add(first.key)
      const run = this.#fill(first.key, limits)
      if (first.since > since && !run.isFull) continue
      for (const request of run.requests) this.remove(request)
      return run.requests
    }
    return []
  }

  /** Takes everything out. */
  takeAll(): R[] {
    const all = [...this.#all]
    for (const request of all) this.remove(request)
    return all
  }

  /** When the request came that waits longest; null: none waits. */
  get oldestSince(): number | null {
    for (const { since } of this.#all) return since
    return null
  }

  #fill(key: string, { maxRows, maxBytes }: RunLimits): { requests: R[]; isFull: boolean } {
    const requests: R[] = []
    let rows = 0
    let bytes = 0
    for (const request of this.#byKey.get(key)!) {
      // In order, without a look at what might fit behind it: nobody is overtaken by those who came later.
      rows += request.rows
      bytes += request.bytes
      if (requests.length > 0 && (rows > maxRows || bytes > maxBytes)) return { requests, isFull: true }
      requests.push(request)
      if (rows >= maxRows || bytes >= maxBytes) return { requests, isFull: true }
    }
    return { requests, isFull: false }
  }
}

/**
 * Why a request does not fit any more; null: it fits. One that is larger than the bounds fits when it is the only one: it
 * would never be answered else.
 *
 * @param waiting - without the request
 */
export function refusalOf(
  { rows, bytes }: Pick<WaitingRequest, 'rows' | 'bytes'>,
  waiting: QueueSizes,
  { maxRequests, maxRows, maxBytes }: QueueBounds,
): { readonly what: keyof QueueSizes; readonly limit: number } | null {
  if (waiting.requests === 0) return null
  if (waiting.requests + 1 > maxRequests) return { what: 'requests', limit: maxRequests }
  if (waiting.rows + rows > maxRows) return { what: 'rows', limit: maxRows }
  if (waiting.bytes + bytes > maxBytes) return { what: 'bytes', limit: maxBytes }
  return null
}

/** The refusal of a full queue. */
export function overloaded(
  model: string,
  { what, limit }: { readonly what: string; readonly limit: number },
  { requests, rows, bytes }: QueueSizes,
  retryAfterSeconds: number,
): TensorferryError {
  return new TensorferryError(
    'OVERLOADED',
    `${model}: ${requests} requests wait already, the queue holds ${limit} ${what}; try again in ${retryAfterSeconds} s`,
    { details: { model, retryAfterSeconds, waiting: { requests, rows, bytes }, limit: { [what]: limit } } },
  )
}
