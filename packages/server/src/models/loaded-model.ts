import {
  checkInputs,
  type Manifest,
  type Model,
  type Prediction,
  type Signature,
  TensorferryError,
  type Tensors,
  withCallOptions,
} from '@tensorferry/core'
import { unknownName } from '@tensorferry/core/names'
import type { Logger } from 'pino'
import { planBatching } from '../batching/batch-plan.ts'
import { Batcher } from '../batching/batcher.ts'
import { endSpan, startSpan } from '../observe/inference-tracing.ts'
import type { MeasuredModel, Metrics } from '../observe/metrics.ts'
import type { ResolvedModelDefaults } from '../options.ts'
import type { Raw } from '../pipeline/pipeline-jobs.ts'
import type { PipelinePool } from '../pipeline/pipeline-pool.ts'
import { ServedPipeline } from '../pipeline/served-pipeline.ts'
import { findExample, type ModelExample } from './model-example.ts'
import type { InferOptions, ModelStatistics, PredictOptions, ServedModel } from './served-model.ts'
import { StatisticsCounter } from './statistics.ts'

/** What {@link LoadedModel} is made of. */
export interface LoadedModelParts {
  readonly name: string
  readonly version: string
  readonly model: Model
  /** The bundle's folder; null: it is not on disk. */
  readonly folder: string | null
  readonly options: ResolvedModelDefaults
  readonly metrics: Metrics
  readonly logger: Logger
  /** Threads for the steps around the network. */
  readonly pipelines: PipelinePool
  /** Called when run after run has failed: the session may be dead. */
  onBroken(): void
}

const NO_EXAMPLE: ModelExample = { infer: null, picture: null }

/** So many runs that fail one after the other are no accident; told again after as many more. */
const BROKEN_AFTER = 5

/** A loaded model behind its queue, until another one takes its place. */
export class LoadedModel implements ServedModel, MeasuredModel {
  readonly name: string
  readonly version: string
  readonly signature: Signature
  readonly manifest: Manifest | null
  readonly labels: readonly string[] | null
  readonly report: Model['report']
  /** Why every request runs by itself; null: requests are gathered. */
  readonly unbatched: string | null
  readonly #model: Model
  readonly #batcher: Batcher
  readonly #pipeline: ServedPipeline
  readonly #statistics = new StatisticsCounter()
  readonly #metrics: Metrics
  readonly #timeoutMs: number
  readonly #outputs: ReadonlySet<string>
  readonly #folder: string | null
  #example: Promise<ModelExample> | undefined
  #failedRuns = 0
  #uses = 0
  #isRetired = false
  #successor: ServedModel | null = null
  #onUnused: (() => void) | undefined

  constructor({ name, version, model, folder, options, metrics, logger, pipelines, onBroken }: LoadedModelParts) {
    this.#folder = folder
    this.name = name
    this.version = version
    this.signature = model.signature
    this.manifest = model.manifest
    this.labels = model.manifest?.task?.endsWith('-classification') ? model.labels : null
    this.report = model.report
    this.#model = model
    this.#pipeline = new ServedPipeline({ name, model, pool: pipelines, queue: options.queue })
    this.#metrics = metrics
    this.#timeoutMs = options.requestTimeoutMs
    this.#outputs = new Set(model.outputs.map((output) => output.name))

    const { session } = model
    const plan = planBatching(model.signature, session.reset !== undefined)
    this.unbatched = plan.dim === null ? plan.reason : options.batching === null ? 'switched off' : null
    const batches = plan.dim !== null && options.batching !== null
    const labels = { model: name, version }
    const replicas = session.reset ? 1 : (session.runtime.replicas ?? 1)
    this.#batcher = new Batcher({
      name,
      run: session.reset
        ? async (inputs) => {
            // What a client gets must not depend on who asked before.
            await session.reset!()
            return session.run(inputs)
          }
        : (inputs, signal) => (signal ? session.run(inputs, { signal }) : session.run(inputs)),
      place: (inputs) => {
        const rows = plan.dim === null ? 1 : inputs[plan.rowsOf]!.shape[0]!
        return { rows, key: batches && rows > 0 ? plan.keyOf(inputs) : null }
      },
      replicas,
      // With several replicas another one may be free first.
      runsAhead: replicas === 1 && !session.reset,
      limits: {
        maxRows: Math.min(
          plan.dim === null ? 1 : (plan.maxRows ?? Number.POSITIVE_INFINITY),
          options.batching?.maxRows ?? 1,
        ),
        maxBytes: options.batching?.maxBytes ?? 0,
      },
      maxDelayMs: options.batching?.maxDelayMs ?? 0,
      queue: options.queue,
      told: {
        ran: (rows, inferMs, error) => {
          if (error === undefined || TensorferryError.is(error, 'INPUT_INVALID')) this.#failedRuns = 0
          else if (++this.#failedRuns % BROKEN_AFTER === 0) onBroken()
          this.#statistics.addRun(rows, inferMs)
          metrics.batchRows.observe(labels, rows)
          metrics.computeSeconds.observe(labels, inferMs / 1000)
        },
        answered: (rows, totalMs, queueMs, times) => {
          this.#statistics.addSuccess(rows, totalMs, queueMs, times)
          metrics.queueSeconds.observe(labels, queueMs / 1000)
        },
        batchFailed: (rows, error) => {
          metrics.batchFailures.inc(labels)
          logger.warn({ ...labels, rows, err: error }, 'a batch failed; its requests run one by one')
        },
      },
    })
  }

  /** What waits and runs in this moment. */
  get load(): MeasuredModel['load'] {
    return this.#batcher.load
  }

  infer(inputs: Tensors, options: InferOptions = {}): Promise<Tensors> {
    if (this.#isRetired) return this.#successor?.infer(inputs, options) ?? Promise.reject(this.#unloaded())
    return this.#use(() => this.#infer(inputs, options))
  }

  predict(raw: Raw, options: PredictOptions = {}): Promise<Prediction> {
    if (this.#isRetired) return this.#successor?.predict(raw, options) ?? Promise.reject(this.#unloaded())
    const cancel = new AbortController()
    const call = { signal: options.signal, timeoutMs: this.#limit(options.timeoutMs) }
    return this.#use(() =>
      withCallOptions(
        call,
        () => this.#predict(raw, options.giveMemory ?? false, cancel.signal),
        (error) => cancel.abort(error),
      ),
    )
  }

  example(): Promise<ModelExample> {
    const { manifest, signature } = this
    const accepts = (inputs: Tensors): Promise<boolean> =>
      this.infer(inputs).then(
        () => true,
        () => false,
      )
    this.#example ??= findExample({ manifest, signature, folder: this.#folder, accepts }).catch(() => NO_EXAMPLE)
    return this.#example
  }

  statistics(): ModelStatistics {
    return this.#statistics.snapshot()
  }

  /**
   * Takes no more calls itself, and resolves when those in progress have settled and the memory is given back.
   *
   * @param successor - answers calls of those who hold this one still; null: they are refused with `SESSION_DISPOSED`
   */
  async retire(successor: ServedModel | null): Promise<void> {
    this.#isRetired = true
    this.#successor = successor
    if (this.#uses > 0) await new Promise<void>((resolve) => (this.#onUnused = resolve))
    this.#pipeline.retire()
    await this.#model.dispose()
  }

  /** Refuses what waits still: nobody waits for it any longer. */
  abandon(): void {
    this.#isRetired = true
    this.#batcher.rejectWaiting(this.#unloaded())
  }

  async #infer(inputs: Tensors, { outputs, signal, timeoutMs }: InferOptions): Promise<Tensors> {
    const start = performance.now()
    try {
      this.#requireOutputs(outputs)
      checkInputs(this.signature, inputs)
      return await this.#batcher.infer(inputs, { outputs, signal, timeoutMs: this.#limit(timeoutMs) })
    } catch (error) {
      this.#statistics.addFailure(performance.now() - start)
      throw error
    }
  }

  async #predict(raw: Raw, giveMemory: boolean, signal: AbortSignal): Promise<Prediction> {
    const { inputs, context } = await this.#stage('preprocess', async () => {
      const start = performance.now()
      try {
        return await this.#pipeline.preprocess(raw, giveMemory, signal)
      } catch (error) {
        this.#statistics.addFailure(performance.now() - start)
        throw error
      }
    })
    const outputs = await this.#infer(inputs, { signal })
    return this.#stage('postprocess', () => this.#pipeline.postprocess(outputs, context, signal))
  }

  async #stage<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const { name: model, version } = this
    const span = startSpan(stage, { 'tensorferry.model': model })
    const start = performance.now()
    try {
      const result = await work()
      endSpan(span)
      return result
    } catch (error) {
      endSpan(span, error)
      throw error
    } finally {
      this.#metrics.pipelineSeconds.observe({ model, version, stage }, (performance.now() - start) / 1000)
    }
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    this.#uses++
    try {
      return await work()
    } finally {
      this.#uses--
      if (this.#uses === 0) this.#onUnused?.()
    }
  }

  #limit(timeoutMs: number | undefined): number | undefined {
    const limit = timeoutMs === undefined ? this.#timeoutMs : Math.min(timeoutMs, this.#timeoutMs)
    return limit === Number.POSITIVE_INFINITY ? undefined : limit
  }

  #requireOutputs(wanted: readonly string[] | undefined): void {
    if (!wanted) return
    for (const name of wanted) {
      if (this.#outputs.has(name)) continue
      const known = [...this.#outputs]
      throw new TensorferryError('INPUT_INVALID', unknownName('output', name, known), {
        details: { output: name, known },
      })
    }
  }

  #unloaded(): TensorferryError {
    return new TensorferryError(
      'SESSION_DISPOSED',
      `${this.name} ${this.version} was unloaded; load it again, or ask another model`,
      {
        details: { model: this.name, version: this.version },
      },
    )
  }
}
