import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Load } from '../batching/batcher.ts'
import type { ModelEntry } from '../models/repository.ts'
import type { ModelStatistics } from '../models/served-model.ts'
import { processMetrics } from './process-metrics.ts'

/** What is read of a model when the metrics are asked for. */
export interface MeasuredModel {
  readonly name: string
  readonly version: string
  statistics(): ModelStatistics
  readonly load: Load
}

const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
const MODEL = ['model', 'version'] as const

/** Metrics of one server, in a registry of its own: two servers in a process do not share numbers. */
export class Metrics {
  readonly registry = new Registry()
  readonly #process = processMetrics()
  readonly #registers = [this.registry]

  /** All of it, the process's too, in Prometheus' text. */
  async text(): Promise<string> {
    return `${await this.registry.metrics()}${await this.#process.metrics()}`
  }

  /** Requests by protocol, operation, model and code (`OK` or an error's). */
  readonly requests = new Counter({
    name: 'tensorferry_requests_total',
    help: 'Requests that were answered, by protocol, operation, model and code.',
    labelNames: ['protocol', 'operation', 'model', 'code'],
    registers: this.#registers,
  })
  /** Seconds from a request's head to its answer. */
  readonly requestSeconds = new Histogram({
    name: 'tensorferry_request_seconds',
    help: 'Seconds from the head of a request to its answer.',
    labelNames: ['protocol', 'operation', 'model'],
    buckets: SECONDS,
    registers: this.#registers,
  })
  /** Requests that are not answered yet. */
  readonly inFlight = new Gauge({
    name: 'tensorferry_requests_in_flight',
    help: 'Requests that are not answered yet.',
    labelNames: ['protocol'],
    registers: this.#registers,
  })
  /** Seconds that an inference waited for its run. */
  readonly queueSeconds = new Histogram({
    name: 'tensorferry_queue_seconds',
    help: 'Seconds that an inference waited for its run.',
    labelNames: MODEL,
    buckets: SECONDS,
    registers: this.#registers,
  })
  /** Seconds of a run. */
  readonly computeSeconds = new Histogram({
    name: 'tensorferry_compute_seconds',
    help: 'Seconds of a run of the model.',
    labelNames: MODEL,
    buckets: SECONDS,
    registers: this.#registers,
  })
  /** Rows of a run. */
  readonly batchRows = new Histogram({
    name: 'tensorferry_batch_rows',
    help: 'Rows of a run of the model.',
    labelNames: MODEL,
    buckets: ROWS,
    registers: this.#registers,
  })
  /** Seconds of a pipeline's halves, their wait for a thread included. */
  readonly pipelineSeconds = new Histogram({
    name: 'tensorferry_pipeline_seconds',
    help: 'Seconds of preprocess and postprocess, their wait for a thread included.',
    labelNames: [...MODEL, 'stage'],
    buckets: SECONDS,
    registers: this.#registers,
  })
  /** Batches whose requests were run again one by one. */
  readonly batchFailures = new Counter({
    name: 'tensorferry_batch_failures_total',
    help: 'Batches that failed, and whose requests were run again one by one.',
    labelNames: MODEL,
    registers: this.#registers,
  })
  /** Loads of a model after its first, by result. */
  readonly reloads = new Counter({
    name: 'tensorferry_reloads_total',
    help: 'Loads in the place of a model that serves, by result: loaded, or failed and the one before stays.',
    labelNames: ['model', 'result'],
    registers: this.#registers,
  })

  /** Loads that failed, whether another version answers or not. */
  readonly loadFailures = new Counter({
    name: 'tensorferry_load_failures_total',
    help: 'Loads of a model that failed: at the start, by a request, or because its files changed.',
    labelNames: MODEL,
    registers: this.#registers,
  })

  /**
   * @param models - those that are loaded, asked for at each reading
   * @param index - every version of every model, asked for at each reading
   */
  constructor(models: () => readonly MeasuredModel[], index: () => readonly ModelEntry[]) {
    const ready: Gauge<'model' | 'version'> = new Gauge({
      name: 'tensorferry_model_ready',
      help: 'Whether a version of a model is ready: 1, or 0 for one that is loading, unloaded, or could not be loaded.',
      labelNames: MODEL,
      registers: this.#registers,
      collect: () => {
        ready.reset()
        for (const { name, version, state } of index()) {
          ready.set({ model: name, version }, state === 'READY' ? 1 : 0)
        }
      },
    })
    const perModel = (name: string, help: string, read: (model: MeasuredModel) => number): void => {
      const gauge: Gauge<'model' | 'version'> = new Gauge({
        name,
        help,
        labelNames: MODEL,
        registers: this.#registers,
        collect: () => {
          gauge.reset()
          for (const model of models()) gauge.set({ model: model.name, version: model.version }, read(model))
        },
      })
    }
    perModel('tensorferry_queue_requests', 'Inferences that wait for a run.', ({ load }) => load.waitingRequests)
    perModel('tensorferry_queue_rows', 'Rows that wait for a run.', ({ load }) => load.waitingRows)
    perModel('tensorferry_queue_bytes', 'Input bytes that wait for a run.', ({ load }) => load.waitingBytes)
    perModel('tensorferry_runs_in_progress', 'Runs of the model in progress.', ({ load }) => load.running)

    // Triton's names, so that its dashboards and autoscalers read this server.
    const total = (name: string, help: string, read: (statistics: ModelStatistics) => number): void => {
      const counter: Counter<'model' | 'version'> = new Counter({
        name,
        help,
        labelNames: MODEL,
        registers: this.#registers,
        collect: () => {
          counter.reset()
          for (const model of models()) {
            counter.inc({ model: model.name, version: model.version }, read(model.statistics()))
          }
        },
      })
    }
    const microseconds = (ns: number): number => Math.round(ns / 1000)
    total('nv_inference_request_success', 'Inferences that were answered.', ({ success }) => success.count)
    total('nv_inference_request_failure', 'Inferences that failed.', ({ fail }) => fail.count)
    total('nv_inference_count', 'Rows that were inferred.', ({ inferenceCount }) => inferenceCount)
    total('nv_inference_exec_count', 'Runs of the model.', ({ executionCount }) => executionCount)
    total('nv_inference_request_duration_us', 'Microseconds of all answered inferences.', ({ success }) =>
      microseconds(success.ns),
    )
    total('nv_inference_queue_duration_us', 'Microseconds in the queue.', ({ queue }) => microseconds(queue.ns))
    total('nv_inference_compute_input_duration_us', 'Microseconds of putting batches together.', ({ computeInput }) =>
      microseconds(computeInput.ns),
    )
    total('nv_inference_compute_infer_duration_us', 'Microseconds of runs.', ({ computeInfer }) =>
      microseconds(computeInfer.ns),
    )
    total('nv_inference_compute_output_duration_us', 'Microseconds of taking batches apart.', ({ computeOutput }) =>
      microseconds(computeOutput.ns),
    )
    const pending: Gauge<'model' | 'version'> = new Gauge({
      name: 'nv_inference_pending_request_count',
      help: 'Inferences that wait for a run.',
      labelNames: MODEL,
      registers: this.#registers,
      collect: () => {
        pending.reset()
        for (const { name, version, load } of models()) pending.set({ model: name, version }, load.waitingRequests)
      },
    })
  }
}
