import type { Span } from '@opentelemetry/api'
import { type Place, TensorferryError, type Tensors, withCallOptions } from '@tensorferry/core'
import type { InferOptions } from '../models/served-model.ts'
import type { RunTimes } from '../models/statistics.ts'
import { endSpan, startBatchSpan, startChildSpan, startSpan } from '../observe/inference-tracing.ts'
import { DrainRate } from './drain-rate.ts'
import { bytesOf, joinInputs, pickOutputs, requireRows, takeRows } from './rows.ts'
import { RunAhead } from './run-ahead.ts'
import {
  overloaded,
  type QueueBounds,
  type QueueSizes,
  type RunLimits,
  refusalOf,
  type WaitingRequest,
  WaitingRequests,
} from './waiting-requests.ts'

/** What a batcher needs of its model. */
export interface BatcherOptions {
  /** In messages. */
  readonly name: string
  /** Runs the model once; with a signal: leaves the run out when it fires before the run has begun. */
  run(inputs: Tensors, signal?: AbortSignal): Promise<Tensors>
  /** Rows of a request, and which others it may share a run with; null: it runs alone. */
  place(inputs: Tensors): { readonly rows: number; readonly key: string | null }
  /** Runs at once. */
  readonly replicas: number
  /** Whether runs may wait in the session, in their order: the next one is handed over while one is in progress. */
  readonly runsAhead: boolean
  /** Of a run; a request with more rows or bytes runs alone. */
  readonly limits: RunLimits
  readonly maxDelayMs: number
  readonly queue: QueueBounds
  readonly told: BatcherEvents
}

/** What waits and runs in one moment; what the session has been given ahead waits. */
export interface Load {
  readonly waitingRequests: number
  readonly waitingRows: number
  readonly waitingBytes: number
  readonly running: number
  readonly runningRequests: number
}

/** What a batcher tells of its runs. */
interface BatcherEvents {
  /** The model ran; with an error: for worse. */
  ran(rows: number, inferMs: number, error?: unknown): void
  /** A request was answered. */
  answered(rows: number, totalMs: number, queueMs: number, times: RunTimes): void
  /** A batch failed, and its requests are run one by one. */
  batchFailed(rows: number, error: unknown): void
}

interface Request extends WaitingRequest {
  readonly outputs: readonly string[] | null
  readonly queueSpan: Span
  resolve(outputs: Tensors): void
  reject(error: unknown): void
  /** Answered, or its caller has left. */
  isSettled: boolean
}

/**
 * Runs requests of one model: at once while it is idle, gathered while it is busy. Nothing is padded; each request gets its
 * own rows, and what happens to one does not reach the others. Once as many wait as are in the run in progress, they are
 * handed over: the next run begins without a pause.
 */
export class Batcher {
  readonly #options: BatcherOptions
  readonly #waiting = new WaitingRequests<Request>()
  readonly #rate = new DrainRate()
  /** In progress; without the one that is ahead. */
  #running = 0
  #runningRequests = 0
  #ahead: RunAhead<Request> | null = null
  /** Settles with the latest run that the session was given. */
  #computing: Promise<unknown> = Promise.resolve()
  #isScheduled = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  /** What waits and runs in this moment. */
  get load(): Load {
    const { requests, rows, bytes } = this.#queued
    return {
      waitingRequests: requests,
      waitingRows: rows,
      waitingBytes: bytes,
      running: this.#running,
      runningRequests: this.#runningRequests,
    }
  }

  get #queued(): QueueSizes {
    const ahead = this.#ahead
    if (ahead === null) return this.#waiting
    const { requests, rows, bytes } = this.#waiting
    return { requests: requests + ahead.requests, rows: rows + ahead.rows, bytes: bytes + ahead.bytes }
  }

  /**
   * Waits for its run and gives back the request's own rows.
   *
   * @param inputs - checked, and not changed until the call has settled
   * @throws TensorferryError `OVERLOADED`, `ABORTED`, `TIMED_OUT`, and what running throws
   */
  infer(inputs: Tensors, { outputs, signal, timeoutMs }: InferOptions): Promise<Tensors> {
    let place: Place<Request> | undefined
    return withCallOptions(
      { signal, timeoutMs },
      () => {
        const { rows, key } = this.#options.place(inputs)
        const bytes = bytesOf(inputs)
        const refusal = refusalOf({ rows, bytes }, this.#queued, this.#options.queue)
        if (refusal) return Promise.reject(this.#overloaded(refusal))
        return new Promise<Tensors>((resolve, reject) => {
          const request: Request = {
            inputs,
            rows,
            bytes,
            key,
            since: performance.now(),
            outputs: outputs ?? null,
            queueSpan: startSpan('queue', { 'tensorferry.model': this.#options.name, 'tensorferry.rows': rows }),
            resolve,
            reject,
            isSettled: false,
          }
          place = this.#waiting.add(request)
          this.#schedule()
        })
      },
      (error) => {
        if (!place) return
        place.value.isSettled = true
        if (this.#waiting.remove(place)) endSpan(place.value.queueSpan, error)
        else this.#ahead?.left()
      },
    )
  }

  /** Ends what waits: the model is gone. Runs in progress go on. */
  rejectWaiting(error: TensorferryError): void {
    clearTimeout(this.#timer)
    for (const request of this.#waiting.takeAll()) {
      endSpan(request.queueSpan, error)
      request.reject(error)
    }
    for (const request of this.#ahead?.waiting ?? []) {
      request.isSettled = true
      request.reject(error)
    }
    this.#ahead?.left()
  }

  #overloaded(refusal: { what: string; limit: number }): TensorferryError {
    const queued = this.#queued
    return overloaded(this.#options.name, refusal, queued, this.#rate.secondsFor(queued.requests))
  }

  /** After the requests that have arrived together, in this turn of the loop, are all in the queue. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#startRuns()
    })
  }

  #startRuns(): void {
    const { replicas, limits, maxDelayMs } = this.#options
    while (this.#waiting.requests > 0) {
      const isBusy = this.#running >= replicas
      if (isBusy && !this.#mayRunAhead) return
      const since = maxDelayMs > 0 ? performance.now() - maxDelayMs : Number.POSITIVE_INFINITY
      const requests = this.#waiting.takeRun(limits, since)
      if (requests.length === 0) {
        // A busy model comes back by itself.
        if (!isBusy) this.#waitForOthers()
        return
      }
      void (isBusy ? this.#runAhead(requests) : this.#runNow(requests))
    }
  }

  /** As many wait as run: another run with fewer would only be one more. */
  get #mayRunAhead(): boolean {
    return this.#options.runsAhead && this.#ahead === null && this.#waiting.requests >= this.#runningRequests
  }

  /** Comes back when the request that waits longest has waited enough. */
  #waitForOthers(): void {
    clearTimeout(this.#timer)
    const left = this.#waiting.oldestSince! + this.#options.maxDelayMs - performance.now()
    // A timer may fire a fraction of a millisecond early, and would then find nothing to run.
    this.#timer = setTimeout(() => this.#startRuns(), Math.max(1, Math.ceil(left)))
  }

  /** Gives them to a session that is free. */
  async #runNow(requests: readonly Request[]): Promise<void> {
    const begun = this.#begin(requests)
    await this.#run(requests, begun)
    this.#end(requests, begun)
  }

  /** Gives them to a session that is busy; they wait until its run has ended. */
  async #runAhead(requests: readonly Request[]): Promise<void> {
    const before = this.#computing
    const ahead = new RunAhead(requests)
    this.#ahead = ahead
    const sent = this.#send(requests, ahead.signal)
    await before
    this.#ahead = null
    if (ahead.isLeftOut) {
      const error = await sent.outputs.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      for (const { queueSpan } of requests) endSpan(queueSpan, error)
      this.#startRuns()
      return
    }
    const begun = this.#begin(requests)
    await this.#run(requests, begun, sent)
    this.#end(requests, begun)
  }

  #begin(requests: readonly Request[]): number {
    this.#running++
    this.#runningRequests += requests.length
    for (const { queueSpan } of requests) endSpan(queueSpan)
    return performance.now()
  }

  #end(requests: readonly Request[], begun: number): void {
    this.#running--
    this.#runningRequests -= requests.length
    this.#rate.add(requests.length, performance.now() - begun, this.#options.replicas)
    this.#startRuns()
  }

  /** Gives a run to the session; whatever fails, the outputs tell. */
  #send(requests: readonly Request[], signal?: AbortSignal): SentRun {
    const start = performance.now()
    let at = start
    const run = async (): Promise<Tensors> => {
      const inputs = joinInputs(
        requests.map((request) => request.inputs),
        rowsOf(requests),
      )
      at = performance.now()
      return this.#options.run(inputs, signal)
    }
    const outputs = run()
    this.#computing = outputs.catch(() => undefined)
    return { outputs, at, inputMs: at - start }
  }

  /**
   * Settles every request of it; never throws.
   *
   * @param begun - `performance.now()`
   * @param ahead - the session has it already
   */
  async #run(requests: readonly Request[], begun: number, ahead?: SentRun): Promise<void> {
    const { told, name } = this.#options
    const rows = rowsOf(requests)
    const span = startBatchSpan(
      { 'tensorferry.model': name, 'tensorferry.rows': rows, 'tensorferry.requests': requests.length },
      requests.map(({ queueSpan }) => queueSpan),
    )
    try {
      const { outputs: computed, at: sentAt, inputMs } = ahead ?? this.#send(requests)
      const start = Math.max(begun, sentAt)
      const outputs = await this.#compute(computed, start, rows, span)
      const done = performance.now()
      if (requests.length > 1) requireRows(outputs, rows)
      endSpan(span)
      let at = 0
      for (const request of requests) {
        const from = at
        at += request.rows
        if (request.isSettled) continue
        const own =
          requests.length === 1
            ? pickOutputs(outputs, request.outputs)
            : takeRows(outputs, from, request.rows, request.outputs)
        request.isSettled = true
        const end = performance.now()
        told.answered(request.rows, end - request.since, begun - request.since, {
          input: inputMs,
          infer: done - start,
          output: end - done,
        })
        request.resolve(own)
      }
    } catch (error) {
      endSpan(span, error)
      if (requests.length === 1 || TensorferryError.is(error, 'SESSION_DISPOSED')) {
        for (const request of requests) request.reject(error)
        return
      }
      told.batchFailed(rows, error)
      // One of them may have been the cause: each by itself, so that it fails alone.
      for (const request of requests) if (!request.isSettled) await this.#run([request], begun)
    }
  }

  async #compute(computed: Promise<Tensors>, start: number, rows: number, batchSpan: Span): Promise<Tensors> {
    const span = startChildSpan('compute', batchSpan)
    try {
      const outputs = await computed
      this.#options.told.ran(rows, performance.now() - start)
      endSpan(span)
      return outputs
    } catch (error) {
      this.#options.told.ran(rows, performance.now() - start, error)
      endSpan(span, error)
      throw error
    }
  }
}

/** A run that the session has been given. */
interface SentRun {
  readonly outputs: Promise<Tensors>
  /** `performance.now()` */
  readonly at: number
  /** Of putting the inputs together. */
  readonly inputMs: number
}

const rowsOf = (requests: readonly Request[]): number => requests.reduce((sum, { rows }) => sum + rows, 0)
