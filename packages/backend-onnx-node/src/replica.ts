import type { Worker } from 'node:worker_threads'
import { TensorferryError } from '@tensorferry/core'
import { type GuardState, guardWorker, makeGuardState, skipNothing, skipRun, unguardWorker } from './exit-guard.ts'
import { mapError, rebuildError } from './map-error.ts'
import type { Reply, Request } from './messages.ts'
import { startWorker } from './start-worker.ts'

interface Expected {
  resolve(reply: Reply): void
  reject(error: TensorferryError): void
}

type OnDeath = (error: TensorferryError) => void

/**
 * A thread whose model has been released, kept for the next one: glibc gives each new thread an arena of its own and
 * never shrinks it, so a process that loads and disposes in turns would grow with every turn; and the next load is faster.
 */
let parked: { readonly replica: Replica; readonly timer: NodeJS.Timeout } | null = null
const PARKED_MS = 10_000

/** One worker thread with at most one model in it. Replies come in the order of the requests. */
export class Replica {
  readonly #state: GuardState = makeGuardState()
  readonly #worker: Worker
  readonly #expected: Expected[] = []
  #onDeath: OnDeath | null = null
  #death: TensorferryError | null = null
  #closing: Promise<void> | null = null
  #ready = false

  /**
   * A thread with no model in it, new or used before.
   *
   * @param onDeath - told once when the thread ends without having been asked to
   */
  static start(onDeath: OnDeath | null = null): Replica {
    let replica: Replica
    if (parked) {
      replica = parked.replica
      clearTimeout(parked.timer)
      parked = null
    } else replica = new Replica()
    skipNothing(replica.#state)
    guardWorker(replica.#state)
    replica.#onDeath = onDeath
    replica.#closing = null
    return replica
  }

  private constructor() {
    this.#worker = startWorker(this.#state)
    this.#worker.on('message', (reply: Reply) => this.#settle(reply))
    this.#worker.on('error', (error) => this.#die(error))
    this.#worker.on('exit', (code) => this.#die(`it ended by itself with code ${code}`))
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

  /** Gives the model's memory back, after what was sent before; the thread ends, unless it is kept for the next model. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // A thread that is dead needs no release; one that fails to release is ended all the same.
    const released = await this.send({ type: 'close' }).then(
      () => true,
      () => false,
    )
    unguardWorker(this.#state)
    this.#onDeath = null
    if (released && !parked) this.#park()
    else await this.#end()
  }

  #park(): void {
    const timer = setTimeout(() => {
      parked = null
      void this.#end()
    }, PARKED_MS)
    timer.unref()
    parked = { replica: this, timer }
  }

  async #end(): Promise<void> {
    this.#death ??= new TensorferryError('SESSION_DISPOSED', 'the worker has been closed')
    await this.#worker.terminate()
  }

  #settle(reply: Reply): void {
    this.#ready = true
    const expected = this.#expected.shift()
    if (this.#expected.length === 0) this.#worker.unref()
    if (reply.type === 'failed' && !reply.buffer) expected?.reject(rebuildError(reply.error))
    else expected?.resolve(reply)
  }

  #die(reason: unknown): void {
    unguardWorker(this.#state)
    if (parked?.replica === this) parked = null
    if (this.#death) return
    const told = mapError(reason, this.#ready ? 'run' : 'start')
    const message = `the worker thread that runs the model has ended: ${told.message}; create a new session`
    this.#death = new TensorferryError(told.code, message, { details: told.details, cause: reason })
    for (const { reject } of this.#expected.splice(0)) reject(this.#death)
    this.#onDeath?.(this.#death)
  }
}
