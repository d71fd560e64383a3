import type { Counted, ModelStatistics } from './served-model.ts'

/** A count and its nanoseconds, growing. */
class Counter implements Counted {
  count = 0
  ns = 0

  add(ms: number, times = 1): void {
    this.count += times
    this.ns += Math.round(ms * 1e6) * times
  }

  get snapshot(): Counted {
    return { count: this.count, ns: this.ns }
  }
}

/** Milliseconds of a run's parts. */
export interface RunTimes {
  readonly input: number
  readonly infer: number
  readonly output: number
}

/** Counts the inferences of one version of a model, as the protocol's statistics extension has them. */
export class StatisticsCounter {
  #inferenceCount = 0
  #executionCount = 0
  #lastInference = 0
  readonly #success = new Counter()
  readonly #fail = new Counter()
  readonly #queue = new Counter()
  readonly #computeInput = new Counter()
  readonly #computeInfer = new Counter()
  readonly #computeOutput = new Counter()
  readonly #batches = new Map<number, Counter>()

  /** The model ran, for better or worse. */
  addRun(rows: number, inferMs: number): void {
    this.#executionCount++
    const batch = this.#batches.get(rows) ?? new Counter()
    this.#batches.set(rows, batch)
    batch.add(inferMs)
  }

  /** A request was answered; each counts the times of the whole run that it was part of. */
  addSuccess(rows: number, totalMs: number, queueMs: number, { input, infer, output }: RunTimes): void {
    this.#inferenceCount += rows
    this.#lastInference = Date.now()
    this.#success.add(totalMs)
    this.#queue.add(queueMs)
    this.#computeInput.add(input)
    this.#computeInfer.add(infer)
    this.#computeOutput.add(output)
  }

  /** A request failed, for whatever reason. */
  addFailure(totalMs: number): void {
    this.#lastInference = Date.now()
    this.#fail.add(totalMs)
  }

  /** The counts of this moment. */
  snapshot(): ModelStatistics {
    return {
      inferenceCount: this.#inferenceCount,
      executionCount: this.#executionCount,
      lastInference: this.#lastInference,
      success: this.#success.snapshot,
      fail: this.#fail.snapshot,
      queue: this.#queue.snapshot,
      computeInput: this.#computeInput.snapshot,
      computeInfer: this.#computeInfer.snapshot,
      computeOutput: this.#computeOutput.snapshot,
      batches: [...this.#batches]
        .sort(([left], [right]) => left - right)
        .map(([batchSize, counter]) => ({ batchSize, computeInfer: counter.snapshot })),
    }
  }
}
