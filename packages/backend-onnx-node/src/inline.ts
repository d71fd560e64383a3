import type { TensorSpec, Tensors } from '@tensorferry/core'
import type { Executor, Run } from './executor.ts'
import { mapError } from './map-error.ts'
import type { RawOutput } from './messages.ts'
import type { NativeModel } from './native-model.ts'
import type { OrtTensor } from './ort-tensor.ts'
import { checkStrings } from './pack-inputs.ts'

/** Runs on the caller's thread: no worker to wake, and the event loop stands still for the time of the run. */
export class Inline implements Executor {
  readonly #model: NativeModel
  readonly #inputs: readonly TensorSpec[]
  #running = 0
  #onIdle: (() => void) | null = null

  constructor(model: NativeModel, inputs: readonly TensorSpec[]) {
    this.#model = model
    this.#inputs = inputs
  }

  run(inputs: Tensors): Run {
    return { outputs: this.#run(this.#snapshot(inputs)), cancel: () => {} }
  }

  async close(): Promise<void> {
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    await this.#model.release()
  }

  async #run(feeds: Record<string, OrtTensor>): Promise<readonly RawOutput[]> {
    this.#running++
    try {
      return await this.#model.run(feeds)
    } catch (error) {
      throw mapError(error, 'run')
    } finally {
      if (--this.#running === 0) this.#onIdle?.()
    }
  }

  /** The binding reads the inputs a turn of the event loop later. */
  #snapshot(inputs: Tensors): Record<string, OrtTensor> {
    const feeds: Record<string, OrtTensor> = {}
    for (const { name } of this.#inputs) {
      const { dtype, shape, data } = inputs[name]!
      if (dtype === 'string') checkStrings(name, data)
      feeds[name] = { type: dtype, dims: shape, location: 'cpu', data: data.slice() }
    }
    return feeds
  }
}
