import { Worker } from 'node:worker_threads'
import { TensorferryError } from '@tensorferry/core'
import { type GuardState, guardWorker, skipRun, unguardWorker } from './exit-guard.ts'
import { mapError, rebuildError } from './map-error.ts'
import type { Reply, Request } from './messages.ts'

interface Expected {
  resolve(reply: Reply): void
  reject(error: TensorferryError): void
}

/** One worker thread with one copy of the model. Replies come in the order of the requests. */
export class Replica {
  readonly #state: GuardState = guardWorker()
  readonly #worker: Worker
  readonly #expected: Expected[] = []
  readonly #onDeath: (error: TensorferryError) => void
  #death: TensorferryError | null = null
  #closing: Promise<void> | null = null
  #ready = false

  /** @param onDeath - told once when the thread ends without having been asked to */
  constructor(onDeath: (error: TensorferryError) => void = () => {}) {
    this.#onDeath = onDeath
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      name: 'tensorferry-onnx',
      workerData: { state: this.#state },
    })
    this.#worker.on('message', (reply: Reply) => this.#settle(reply))
    this.#worker.on('error', (error) => this.#die(error))
    this.#worker.on('exit', (code) => {
      unguardWorker(this.#state)
      this.#die(`it ended by itself with code ${code}`)
    })
    this.#worker.unref()
  }

  /** Requests that the worker has not answered yet. */
  get pending(): number {
    return this.#expected.length
  }

  /**
   * @param transfer - buffers that move to the worker
   * @throws TensorferryError what the worker answered, or why it ended
   */
  send(request: Request, transfer: ArrayBuffer[] = []): Promise<Reply> {
    if (this.#death) return Promise.reject(this.#death)
    return new Promise((resolve, reject) => {
      // An idle model does not keep the process alive; work in progress does.
      if (this.#expected.push({ resolve, reject }) === 1) this.#worker.ref()
      this.#worker.postMessage(request, transfer)
    })
  }

  /** Leaves a run out that has been sent and not begun. */
  skip(id: number): void {
    skipRun(this.#state, id)
  }

  /** Gives the model's memory back and ends the thread, after what was sent before. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // A thread that is dead needs no release; one that fails to release is ended all the same.
    await this.send({ type: 'close' }).catch(() => undefined)
    this.#death ??= new TensorferryError('SESSION_DISPOSED', 'the worker has been closed')
    this.#worker.ref()
    await this.#worker.terminate()
    unguardWorker(this.#state)
  }

  #settle(reply: Reply): void {
    this.#ready = true
    const expected = this.#expected.shift()
    if (this.#expected.length === 0) this.#worker.unref()
    if (reply.type === 'failed' && !reply.buffer) expected?.reject(rebuildError(reply.error))
    else expected?.resolve(reply)
  }

  #die(reason: unknown): void {
    if (this.#death) return
    const told = mapError(reason, this.#ready ? 'run' : 'start')
    const message = `the worker thread that runs the model has ended: ${told.message}; create a new session`
    this.#death = new TensorferryError(told.code, message, { details: told.details, cause: reason })
    for (const { reject } of this.#expected.splice(0)) reject(this.#death)
    this.#onDeath(this.#death)
  }
}
