import {
  type Dim,
  type Model,
  type PipelineContext,
  type Prediction,
  type Preprocessed,
  TensorferryError,
  type Tensors,
} from '@tensorferry/core'
import { DrainRate } from '../batching/drain-rate.ts'
import type { ResolvedModelDefaults } from '../options.ts'
import { bytesToCross } from './crossing.ts'
import { pictureValues } from './picture-values.ts'
import type { Raw } from './pipeline-jobs.ts'
import type { PipelinePool, PooledModel } from './pipeline-pool.ts'

/** Less than this many values or bytes is worked on at once: a hop would cost more. */
const INLINE = 64 * 1024

let lastId = 0

/** What {@link ServedPipeline} is made of. */
export interface ServedPipelineParts {
  /** In messages. */
  readonly name: string
  readonly model: Model
  readonly pool: PipelinePool
  /** Of preprocesses that wait or run. */
  readonly queue: ResolvedModelDefaults['queue']
}

/** A dim with a name counts as 1: what it becomes is seen by the picture. */
function fixedValues(shape: readonly Dim[] | null): number {
  return (shape ?? []).reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1)
}

/** A model's steps around its network: in threads where they take time, else at once. The bits are the same. */
export class ServedPipeline {
  readonly #parts: ServedPipelineParts
  /** null: everything is done at once. */
  readonly #pooled: PooledModel | null
  /** Values of the inputs that the steps make, as far as they are fixed. */
  readonly #made: number
  readonly #rate = new DrainRate()
  #requests = 0
  #bytes = 0

  constructor(parts: ServedPipelineParts) {
    this.#parts = parts
    const { manifest } = parts.model
    this.#pooled = manifest && parts.pool.threads > 0 ? { id: ++lastId, manifest: JSON.stringify(manifest) } : null
    const made = parts.model.inputs.filter(({ name }) => manifest?.preprocess.some(({ to }) => to.includes(name)))
    this.#made = made.reduce((sum, { shape }) => sum + fixedValues(shape), 0)
  }

  /** @param given - whether the memory of `raw` goes over uncopied */
  async preprocess(raw: Raw, given: boolean, signal: AbortSignal): Promise<Preprocessed> {
    const pooled = this.#pooled
    const bytes = pooled && bytesToCross(raw)
    if (!pooled || bytes === null || (this.#made < INLINE && bytes < INLINE && pictureValues(raw) < INLINE)) {
      return this.#parts.model.preprocess(raw, { signal })
    }
    this.#requireRoom(bytes)
    this.#requests++
    this.#bytes += bytes
    const start = performance.now()
    const ahead = this.#requests
    try {
      return await this.#parts.pool.run(pooled, { kind: 'preprocess', raw }, { given, signal })
    } finally {
      this.#requests--
      this.#bytes -= bytes
      this.#rate.add(ahead, performance.now() - start, 1)
    }
  }

  /** The memory of the outputs and of the context is not used again. */
  async postprocess(outputs: Tensors, context: PipelineContext, signal: AbortSignal): Promise<Prediction> {
    const { model, pool } = this.#parts
    const bytes = this.#pooled && bytesToCross([outputs, context])
    if (!this.#pooled || bytes === null || bytes < INLINE) {
      return model.postprocess(outputs, context, { signal })
    }
    return pool.run(this.#pooled, { kind: 'postprocess', outputs, context }, { given: true, signal })
  }

  /** The model is not asked for any more. */
  retire(): void {
    if (this.#pooled) this.#parts.pool.forget(this.#pooled)
  }

  #requireRoom(bytes: number): void {
    const { name, queue } = this.#parts
    const isFull = this.#requests + 1 > queue.maxRequests
    if (!isFull && (this.#bytes + bytes <= queue.maxBytes || this.#requests === 0)) return
    const limit = isFull ? { requests: queue.maxRequests } : { bytes: queue.maxBytes }
    const retryAfterSeconds = this.#rate.secondsFor(this.#requests)
    throw new TensorferryError(
      'OVERLOADED',
      `${name}: ${this.#requests} pictures wait already, the queue holds ${isFull ? `${queue.maxRequests} requests` : `${queue.maxBytes} bytes`}; try again in ${retryAfterSeconds} s`,
      {
        details: { model: name, retryAfterSeconds, waiting: { requests: this.#requests, bytes: this.#bytes }, limit },
      },
    )
  }
}
