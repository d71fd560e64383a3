import { type Place, Queue, TensorferryError, withCallOptions } from '@tensorferry/core'
import { toCross } from './crossing.ts'
import type { PipelineJob, PipelineResults } from './pipeline-jobs.ts'
import { PipelineThread, type ThreadTask } from './pipeline-thread.ts'

/** A model's steps, as threads know them. */
export interface PooledModel {
  /** Of this load of the model alone. */
  readonly id: number
  /** Text of its `bundle.json`. */
  readonly manifest: string
}

/** Threads that decode, scale and normalize pictures, and put results together, so that the event loop stays free. */
export class PipelinePool {
  readonly #threads: readonly PipelineThread[]
  /** Those that end a request come first: its memory is given back. */
  readonly #waiting = { postprocess: new Queue<ThreadTask>(), preprocess: new Queue<ThreadTask>() }
  #isClosed = false

  /** @param threads - 0: none, the event loop does everything */
  constructor(threads: number) {
    this.#threads = Array.from({ length: threads }, () => new PipelineThread(() => this.#next()))
  }

  /** Jobs that may be in progress at once. */
  get threads(): number {
    return this.#threads.length
  }

  /**
   * Does half of a pipeline in a thread; waits for a free one.
   *
   * @param given - whether the arrays' memory goes over uncopied, and is not used again here
   * @param signal - takes a waiting job out; one in progress ends unseen
   * @throws TensorferryError what the steps throw; `RUNTIME_FAILED` when the thread dies, `ABORTED`, `SESSION_DISPOSED`
   */
  run<K extends PipelineJob['kind']>(
    { id, manifest }: PooledModel,
    job: PipelineJob & { readonly kind: K },
    { given, signal }: { readonly given: boolean; readonly signal?: AbortSignal | undefined },
  ): Promise<PipelineResults[K]> {
    const waiting = this.#waiting[job.kind]
    let place: Place<ThreadTask> | undefined
    return withCallOptions(
      { signal },
      () => {
        if (this.#isClosed) return Promise.reject(closed())
        const { value, transfer } = toCross(job, given)
        return new Promise<PipelineResults[K]>((resolve, reject) => {
          place = waiting.add({ model: id, manifest, job: value, transfer, resolve, reject })
          this.#next()
        })
      },
      () => place && waiting.remove(place),
    )
  }

  /** The model is not asked for any more. */
  forget({ id }: PooledModel): void {
    for (const thread of this.#threads) thread.forget(id)
  }

  /** Refuses what waits, and ends the threads. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const tasks of Object.values(this.#waiting)) {
      for (const { reject } of tasks.takeAll()) reject(closed())
    }
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }

  #next(): void {
    const { postprocess, preprocess } = this.#waiting
    while (postprocess.size + preprocess.size > 0) {
      const free = this.#threads.filter(({ isFree }) => isFree)
      // Another is started only when those that run are busy.
      const thread = free.find(({ isStarted }) => isStarted) ?? free[0]
      if (!thread) return
      const tasks = postprocess.size > 0 ? postprocess : preprocess
      thread.run(tasks.take()!)
    }
  }
}

function closed(): TensorferryError {
  return new TensorferryError('SESSION_DISPOSED', 'the server was closed')
}
