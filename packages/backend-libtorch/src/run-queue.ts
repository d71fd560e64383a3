import { type Place, Queue, TensorferryError } from '@tensorferry/core'
import type { CoreGate } from './core-gate.ts'

/** A piece of work whose inputs have been taken. */
export interface Prepared<T> {
  /** Begins it on one of the session's threads. */
  start(replica: number): Promise<T>
  /** It will not begin. */
  drop(): void
}

/** Work that has been accepted. */
export interface Run<T> {
  readonly result: Promise<T>
  /** Takes it out of the queue; work in progress ends unseen. */
  cancel(): void
}

interface Job {
  readonly prepared: Prepared<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

interface Running {
  readonly job: Job
  readonly ended: Promise<unknown>
}

/** The error of every call to a disposed session. */
export function disposedError(): TensorferryError {
  return new TensorferryError('SESSION_DISPOSED', 'the session has been disposed; create a new one')
}

/** Runs of a session wait, first in, first out, for one of its threads and for cores. */
export class RunQueue {
  readonly #free: number[]
  readonly #threads: number
  readonly #gate: CoreGate | null
  readonly #waiting = new Queue<Job>()
  readonly #running = new Queue<Running>()
  /** Takes back the one request that is with the gate. */
  #withdraw: (() => void) | null = null
  #asked = false
  #closed = false

  /**
   * @param replicas - how many runs may be in progress
   * @param threads - of one run
   * @param gate - null: do not wait for cores
   */
  constructor(replicas: number, threads: number, gate: CoreGate | null) {
    this.#free = Array.from({ length: replicas }, (_, replica) => replica)
    this.#threads = threads
    this.#gate = gate
  }

  /** Queues work; it begins at once when there is room. */
  submit<T>(prepared: Prepared<T>): Run<T> {
    if (this.#closed) {
      prepared.drop()
      return { result: Promise.reject(disposedError()), cancel: () => {} }
    }
    let job!: Job
    const result = new Promise<T>((resolve, reject) => {
      job = { prepared, resolve: resolve as (value: unknown) => void, reject }
    })
    const place = this.#waiting.add(job)
    this.#advance()
    return { result, cancel: () => this.#cancel(place) }
  }

  /** Waiting work rejects with `SESSION_DISPOSED`; settles when work in progress has ended. */
  async close(): Promise<void> {
    this.#closed = true
    const error = disposedError()
    for (const job of this.#waiting.takeAll()) {
      job.prepared.drop()
      job.reject(error)
    }
    this.#withdraw?.()
    this.#asked = false
    await Promise.allSettled([...this.#running].map(({ ended }) => ended))
  }

  /** Work in progress rejects, and no longer has cores: it ends unseen, or never. */
  leave(error: TensorferryError): void {
    for (const { job } of this.#running.takeAll()) {
      this.#gate?.release(this.#threads)
      job.reject(error)
    }
  }

  #cancel(place: Place<Job>): void {
    if (this.#waiting.remove(place)) place.value.prepared.drop()
  }

  #advance(): void {
    if (this.#asked || this.#waiting.size === 0 || this.#free.length === 0) return
    if (!this.#gate) {
      this.#begin()
      return
    }
    this.#asked = true
    let granted = false
    const withdraw = this.#gate.request(this.#threads, () => {
      granted = true
      this.#asked = false
      this.#withdraw = null
      this.#begin()
    })
    this.#withdraw = granted ? null : withdraw
    // Granted at once: there may be room for the next one too.
    if (granted) this.#advance()
  }

  #begin(): void {
    const job = this.#waiting.take()
    // Cancelled while it waited for cores.
    if (!job) {
      this.#gate?.release(this.#threads)
      return
    }
    const replica = this.#free.pop()!
    const running = job.prepared.start(replica)
    const place = this.#running.add({ job, ended: running })
    const end = (): void => {
      // It has been left.
      if (!this.#running.remove(place)) return
      this.#free.push(replica)
      this.#gate?.release(this.#threads)
      this.#advance()
    }
    running.then(
      (value) => {
        end()
        job.resolve(value)
      },
      (error: unknown) => {
        end()
        job.reject(error)
      },
    )
    if (!this.#gate) this.#advance()
  }
}
