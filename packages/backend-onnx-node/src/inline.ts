import type { TensorSpec, Tensors } from '@tensorferry/core'
import type { Executor, Run } from '@tensorferry/onnx-shared/executor'
import { tensorsFromOutputs } from '@tensorferry/onnx-shared/ort-tensor'
import { FeedCache } from './feeds.ts'
import { mapError } from './map-error.ts'
import type { NativeModel } from './native-model.ts'

/** Runs on the caller's thread: no worker to wake, and the event loop stands still for the time of the run. */
export class Inline implements Executor {
  readonly #model: NativeModel
  readonly #feeds: FeedCache
  #running = 0
  #onIdle: (() => void) | null = null

  constructor(model: NativeModel, inputs: readonly TensorSpec[]) {
    this.#model = model
    this.#feeds = new FeedCache(inputs)
  }

  run(inputs: Tensors): Run {
    // It cannot be taken back: the binding has no queue.
    return { outputs: this.#run(inputs), cancel: () => {} }
  }

  async close(): Promise<void> {
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    await this.#model.release()
  }

  async #run(inputs: Tensors): Promise<Tensors> {
    const feeds = this.#feeds.take(inputs)
    this.#running++
    try {
      return tensorsFromOutputs(await this.#model.run(feeds))
    } catch (error) {
      throw mapError(error, 'run')
    } finally {
      this.#feeds.give(feeds)
      if (--this.#running === 0) this.#onIdle?.()
    }
  }
}
