import type { TensorSpec, Tensors } from '@tensorferry/core'
import { disposedError, type Executor, type Run } from '@tensorferry/onnx-shared/executor'
import { tensorsFromOutputs } from '@tensorferry/onnx-shared/ort-tensor'
import { packInputs } from '@tensorferry/onnx-shared/pack-inputs'
import type { PackedInputs } from '@tensorferry/onnx-shared/packed-inputs'
import { RunBuffers } from '@tensorferry/onnx-shared/run-buffers'
import { RequestFailed, type WorkerClient } from './worker-client.ts'

interface Job {
  readonly packed: PackedInputs
  /** Whether nobody waits for it any more. */
  isLeft: boolean
  resolve(outputs: Tensors): void
  reject(error: unknown): void
}

/** What a {@link RunQueue} is made of. */
export interface RunQueueParts {
  /** The worker that has loaded the model. */
  readonly client: WorkerClient
  /** Loads the model into a new worker, when the one before has ended. */
  restart(): Promise<WorkerClient>
  readonly inputs: readonly TensorSpec[]
  /** Whether a run whose caller has left takes its worker with it. */
  readonly isHard: boolean
}

/** Runs wait first in, first out for the one worker. */
export class RunQueue implements Executor {
  readonly #inputs: readonly TensorSpec[]
  readonly #isHard: boolean
  readonly #buffers = new RunBuffers(3)
  /** Not core's `Queue`: a page downloads what is here, and few wait. */
  readonly #waiting: Job[] = []
  #client: WorkerClient
  /** Holds the model's files; gone with the session, which an app may keep. */
  #restart: (() => Promise<WorkerClient>) | null
  #running: Job | null = null
  #onIdle: (() => void) | null = null
  #isClosed = false

  constructor({ client, restart, inputs, isHard }: RunQueueParts) {
    this.#client = client
    this.#restart = restart
    this.#inputs = inputs
    this.#isHard = isHard
  }

  /** The inputs have been checked; they are copied before this returns. */
  run(inputs: Tensors): Run {
    const packed = packInputs(this.#inputs, inputs, this.#buffers)
    const job: Job = { packed, isLeft: false, resolve: () => {}, reject: () => {} }
    const outputs = new Promise<Tensors>((resolve, reject) => {
      job.resolve = resolve
      job.reject = reject
    })
    this.#waiting.push(job)
    this.#next()
    return { outputs, cancel: () => this.#cancel(job) }
  }

  /** Waiting runs reject with `SESSION_DISPOSED`, the one in progress ends if anybody waits for it, the worker goes. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const job of this.#waiting.splice(0)) job.reject(disposedError())
    if (this.#running) {
      if (this.#running.isLeft) void this.#client.terminate()
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    this.#restart = null
    await this.#client.terminate()
  }

  #cancel(job: Job): void {
    job.isLeft = true
    const at = this.#waiting.indexOf(job)
    if (at >= 0) {
      this.#waiting.splice(at, 1)
      this.#buffers.give(job.packed.buffer)
    } else if (this.#running === job && (this.#isHard || this.#isClosed)) void this.#client.terminate()
  }

  #next(): void {
    if (this.#running) return
    const job = this.#waiting.shift()
    if (!job) {
      this.#onIdle?.()
      return
    }
    this.#running = job
    this.#send(job)
      .then(job.resolve, job.reject)
      .finally(() => {
        this.#running = null
        this.#next()
      })
  }

  async #send(job: Job): Promise<Tensors> {
    const { packed } = job
    if (this.#client.death) {
      if (!this.#restart) throw disposedError()
      this.#client = await this.#restart()
    }
    if (job.isLeft) throw disposedError()
    try {
      const reply = await this.#client.send({ type: 'run', packed }, [packed.buffer])
      this.#buffers.give(reply.buffer)
      return tensorsFromOutputs(reply.outputs)
    } catch (failure) {
      if (!(failure instanceof RequestFailed)) throw failure
      if (failure.reply.buffer) this.#buffers.give(failure.reply.buffer)
      // WebAssembly that has aborted gives wrong numbers or none from then on.
      if (failure.reply.fatal && !this.#isClosed) await this.#client.terminate()
      throw failure.error
    }
  }
}
