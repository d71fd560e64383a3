import { Worker } from 'node:worker_threads'
import { TensorferryError } from '@tensorferry/core'
import { workerFlags } from '@tensorferry/core/node'
import { fromCrossing } from './crossing.ts'
import type { PipelineAnswer, PipelineJob, PipelineMessage } from './pipeline-jobs.ts'

/** Work for a thread, and who waits for it. */
export interface ThreadTask {
  readonly model: number
  /** Text of the model's `bundle.json`. */
  readonly manifest: string
  readonly job: PipelineJob
  readonly transfer: ArrayBuffer[]
  resolve(result: never): void
  reject(error: unknown): void
}

/** One worker with one job at a time: one that dies takes nobody else's with it. Started when needed, and again when it has died. */
export class PipelineThread {
  #worker: Worker | null = null
  #task: ThreadTask | null = null
  /** Models that the worker has. */
  readonly #known = new Set<number>()
  readonly #onFree: () => void

  /** @param onFree - told when it can take another job */
  constructor(onFree: () => void) {
    this.#onFree = onFree
  }

  get isFree(): boolean {
    return this.#task === null
  }

  get isStarted(): boolean {
    return this.#worker !== null
  }

  /** Does a job; only for a free thread. Settles the task in every case. */
  run(task: ThreadTask): void {
    this.#task = task
    try {
      this.#worker ??= this.#start()
      // A process does not end while somebody waits for an answer.
      this.#worker.ref()
      const { model, job, transfer } = task
      const manifest = this.#known.has(model) ? null : task.manifest
      this.#worker.postMessage({ model, manifest, job } satisfies PipelineMessage, transfer)
      this.#known.add(model)
    } catch (cause) {
      this.#settle((waiting) =>
        waiting.reject(new TensorferryError('RUNTIME_FAILED', 'the picture or tensor cannot cross threads', { cause })),
      )
    }
  }

  /** Gives a model's labels and steps back. */
  forget(model: number): void {
    if (this.#known.delete(model)) this.#worker?.postMessage({ forget: model } satisfies PipelineMessage)
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./pipeline-worker.js', import.meta.url), {
      name: 'tensorferry-pipeline',
      execArgv: workerFlags(),
    })
    worker.on('message', (answer: PipelineAnswer) => {
      this.#settle(({ resolve, reject }) => {
        if ('error' in answer) reject(TensorferryError.from(answer.error))
        else resolve(fromCrossing(answer.result) as never)
      })
    })
    worker.on('error', (cause: Error) => this.#lost(worker, cause))
    worker.on('exit', () => this.#lost(worker, undefined))
    return worker
  }

  #lost(worker: Worker, cause: Error | undefined): void {
    if (this.#worker !== worker) return
    this.#worker = null
    this.#known.clear()
    const why = cause ? `: ${cause.message}` : ''
    this.#settle(({ reject }) =>
      reject(new TensorferryError('RUNTIME_FAILED', `the thread of the pipeline ended${why}`, { cause })),
    )
  }

  #settle(tell: (task: ThreadTask) => void): void {
    const task = this.#task
    this.#task = null
    this.#worker?.unref()
    if (task) tell(task)
    this.#onFree()
  }
}
