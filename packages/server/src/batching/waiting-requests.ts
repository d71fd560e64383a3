import { type Place, Queue, TensorferryError, type Tensors } from '@tensorferry/core'

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

/** So many lanes stay, also empty: a Map that fills and empties with every run is what {@link Queue} avoids. */
const KEPT_LANES = 32

/** Requests that wait for their runs, bounded, first come first served; those of one key are found without a search. */
export class WaitingRequests<R extends WaitingRequest> implements QueueSizes {
  /** Those that may share a run, by their key. */
  readonly #lanes = new Map<string, Queue<R>>()
  /** Those that run alone. */
  readonly #alone = new Queue<R>()
  #requests = 0
  #rows = 0
  #bytes = 0

  get requests(): number {
    return this.#requests
  }

  get rows(): number {
    return this.#rows
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Puts a request at the end. */
  add(request: R): Place<R> {
    this.#requests++
    this.#rows += request.rows
    this.#bytes += request.bytes
    let lane = this.#laneOf(request)
    if (!lane) {
      lane = new Queue<R>()
      this.#lanes.set(request.key!, lane)
    }
    return lane.add(request)
  }

  /** Takes a request out, such as one whose client is gone; false: it did not wait any more. */
  remove(place: Place<R>): boolean {
    const lane = this.#laneOf(place.value)
    if (!lane?.remove(place)) return false
    this.#left(place.value, lane)
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
    let next = this.#alone
    let oldest = next.first?.since ?? Number.POSITIVE_INFINITY
    for (const lane of this.#lanes.values()) {
      const first = lane.first
      if (first === undefined || first.since >= oldest) continue
      if (first.since > since && !runOf(lane, limits).isFull) continue
      next = lane
      oldest = first.since
    }
    const { requests } = next === this.#alone ? { requests: Math.min(1, next.size) } : runOf(next, limits)
    return Array.from({ length: requests }, () => {
      const request = next.take()!
      this.#left(request, next)
      return request
    })
  }

  /** Takes everything out. */
  takeAll(): R[] {
    const all = [this.#alone, ...this.#lanes.values()].flatMap((lane) => lane.takeAll())
    this.#lanes.clear()
    this.#requests = this.#rows = this.#bytes = 0
    return all.sort((a, b) => a.since - b.since)
  }

  /** When the request came that waits longest; null: none waits. */
  get oldestSince(): number | null {
    let oldest = this.#alone.first?.since ?? null
    for (const { first } of this.#lanes.values()) {
      if (first && (oldest === null || first.since < oldest)) oldest = first.since
    }
    return oldest
  }

  #laneOf({ key }: R): Queue<R> | undefined {
    return key === null ? this.#alone : this.#lanes.get(key)
  }

  #left({ key, rows, bytes }: R, lane: Queue<R>): void {
    this.#requests--
    this.#rows -= rows
    this.#bytes -= bytes
    if (key !== null && lane.size === 0 && this.#lanes.size > KEPT_LANES) this.#lanes.delete(key)
  }
}

/** How many of a lane make one run. In order, without a look at what might fit behind it: nobody is overtaken by those who came later. */
function runOf<R extends WaitingRequest>(
  lane: Queue<R>,
  { maxRows, maxBytes }: RunLimits,
): { readonly requests: number; readonly isFull: boolean } {
  let [requests, rows, bytes] = [0, 0, 0]
  for (const request of lane) {
    rows += request.rows
    bytes += request.bytes
    if (requests > 0 && (rows > maxRows || bytes > maxBytes)) return { requests, isFull: true }
    requests++
    if (rows >= maxRows || bytes >= maxBytes) return { requests, isFull: true }
  }
  return { requests, isFull: false }
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
