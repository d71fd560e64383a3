import type { Span } from '@opentelemetry/api'
import { TensorferryError, type Tensors, withCallOptions } from '@tensorferry/core'
import type { InferOptions } from '../models/served-model.ts'
import type { RunTimes } from '../models/statistics.ts'
import { endSpan, startBatchSpan, startChildSpan, startSpan } from '../observe/inference-tracing.ts'
import { DrainRate } from './drain-rate.ts'
import { bytesOf, joinInputs, pickOutputs, requireRows, takeRows } from './rows.ts'
import {
  overloaded,
  type QueueBounds,
  type RunLimits,
  type WaitingRequest,
  WaitingRequests,
} from './waiting-requests.ts'

/** What a batcher needs of its model. */
export interface BatcherOptions {
  /** In messages. */
  readonly name: string
  /** Runs the model once. */
  run(inputs: Tensors): Promise<Tensors>
  /** Rows of a request, and which others it may share a run with; null: it runs alone. */
  place(inputs: Tensors): { readonly rows: number; readonly key: string | null }
  /** Runs at once. */
  readonly replicas: number
  /** Of a run; a request with more rows or bytes runs alone. */
  readonly limits: RunLimits
  readonly maxDelayMs: number
  readonly queue: QueueBounds
  readonly told: BatcherEvents
}

/** What waits and runs in one moment. */
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
 * own rows, and what happens to one does not reach the others.
 */
export class Batcher {
  readonly #options: BatcherOptions
  readonly #waiting: WaitingRequests<Request>
  readonly #rate = new DrainRate()
  #running = 0
  #runningRequests = 0
  #isScheduled = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: BatcherOptions) {
    this.#options = options
    this.#waiting = new WaitingRequests(options.queue)
  }

  /** What waits and runs in this moment. */
  get load(): Load {
    const { requests, rows, bytes } = this.#waiting
    return {
      waitingRequests: requests,
      waitingRows: rows,
      waitingBytes: bytes,
      running: this.#running,
      runningRequests: this.#runningRequests,
    }
  }

  /**
   * Waits for its run and gives back the request's own rows.
   *
   * @param inputs - checked, and not changed until the call has settled
   * @throws TensorferryError `OVERLOADED`, `ABORTED`, `TIMED_OUT`, and what running throws
   */
  infer(inputs: Tensors, { outputs, signal, timeoutMs }: InferOptions): Promise<Tensors> {
    let request: Request | undefined
    return withCallOptions(
      { signal, timeoutMs },
      () => {
        const { rows, key } = this.#options.place(inputs)
        const bytes = bytesOf(inputs)
        const refusal = this.#waiting.refuses(rows, bytes)
        if (refusal) return Promise.reject(this.#overloaded(refusal))
        return new Promise<Tensors>((resolve, reject) => {
          request = {
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
          this.#waiting.add(request)
          this.#schedule()
        })
      },
      (error) => {
        if (!request) return
        request.isSettled = true
        if (this.#waiting.remove(request)) endSpan(request.queueSpan, error)
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
  }

  #overloaded(refusal: { what: string; limit: number }): TensorferryError {
    const seconds = this.#rate.secondsFor(this.#waiting.requests)
    return overloaded(this.#options.name, refusal, this.#waiting, seconds)
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
    while (this.#running < replicas && this.#waiting.requests > 0) {
      const since = maxDelayMs > 0 ? performance.now() - maxDelayMs : Number.POSITIVE_INFINITY
      const requests = this.#waiting.takeRun(limits, since)
      if (requests.length === 0) {
        this.#waitForOthers()
        return
      }
      this.#running++
      void this.#runAll(requests)
    }
  }

  /** Comes back when the request that waits longest has waited enough. */
  #waitForOthers(): void {
    clearTimeout(this.#timer)
    const left = this.#waiting.oldestSince! + this.#options.maxDelayMs - performance.now()
    // A timer may fire a fraction of a millisecond early, and would then find nothing to run.
    this.#timer = setTimeout(() => this.#startRuns(), Math.max(1, Math.ceil(left)))
  }

  async #runAll(requests: readonly Request[]): Promise<void> {
    const start = performance.now()
    this.#runningRequests += requests.length
    for (const { queueSpan } of requests) endSpan(queueSpan)
    try {
      await this.#run(requests, start)
    } finally {
      this.#running--
      this.#runningRequests -= requests.length
      this.#rate.add(requests.length, performance.now() - start, this.#options.replicas)
      this.#startRuns()
    }
  }

  /** Settles every request of it; never throws. */
  async #run(requests: readonly Request[], queuedUntil: number): Promise<void> {
    const { told } = this.#options
    const rows = requests.reduce((sum, request) => sum + request.rows, 0)
    const span = startBatchSpan(
      { 'tensorferry.model': this.#options.name, 'tensorferry.rows': rows, 'tensorferry.requests': requests.length },
      requests.map(({ queueSpan }) => queueSpan),
    )
    try {
      const start = performance.now()
      const inputs = joinInputs(
        requests.map((request) => request.inputs),
        rows,
      )
      const ready = performance.now()
      const outputs = await this.#compute(inputs, rows, span)
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
        told.answered(request.rows, end - request.since, queuedUntil - request.since, {
          input: ready - start,
          infer: done - ready,
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
      for (const request of requests) if (!request.isSettled) await this.#run([request], queuedUntil)
    }
  }

  async #compute(inputs: Tensors, rows: number, batchSpan: Span): Promise<Tensors> {
    const span = startChildSpan('compute', batchSpan)
    const start = performance.now()
    try {
      const outputs = await this.#options.run(inputs)
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
