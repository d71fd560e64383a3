import { type Place, Queue, type TensorferryError, type TensorSpec, type Tensors } from '@tensorferry/core'
import { disposedError, type Executor, type Run } from '@tensorferry/onnx-shared/executor'
import { tensorsFromOutputs } from '@tensorferry/onnx-shared/ort-tensor'
import { packInputs } from '@tensorferry/onnx-shared/pack-inputs'
import type { PackedInputs } from '@tensorferry/onnx-shared/packed-inputs'
import { RunBuffers } from '@tensorferry/onnx-shared/run-buffers'
import { rebuildError } from './map-error.ts'
import type { Replica } from './replica.ts'

interface Job {
  readonly packed: PackedInputs
  resolve(outputs: Tensors): void
  reject(error: unknown): void
  /** Set once the job has been sent to a worker. */
  sent: { readonly replica: Replica; readonly id: number } | null
}

/** Runs wait first in, first out for a replica that is free. */
export class Pool implements Executor {
  readonly #replicas: readonly Replica[]
  readonly #inputs: readonly TensorSpec[]
  readonly #buffers: RunBuffers
  readonly #ahead: number
  readonly #waiting = new Queue<Job>()
  /** Sent, oldest first for each replica. */
  readonly #sent = new Map<Replica, Job[]>()
  #lastId = 0
  #stopped: TensorferryError | null = null

  constructor(replicas: readonly Replica[], inputs: readonly TensorSpec[]) {
    this.#replicas = replicas
    this.#inputs = inputs
    // With one replica the next run is sent while it is busy: no pause between runs, and the order stays.
    // With several, another replica may be free first.
    this.#ahead = replicas.length === 1 ? 2 : 1
    this.#buffers = new RunBuffers(replicas.length + 2)
    for (const replica of replicas) this.#sent.set(replica, [])
  }

  run(inputs: Tensors): Run {
    if (this.#stopped) return { outputs: Promise.reject(this.#stopped), cancel: () => {} }
    const packed = packInputs(this.#inputs, inputs, this.#buffers)
    const job: Job = { packed, resolve: () => {}, reject: () => {}, sent: null }
    const outputs = new Promise<Tensors>((resolve, reject) => {
      job.resolve = resolve
      job.reject = reject
    })
    const place = this.#waiting.add(job)
    this.#dispatch()
    return { outputs, cancel: () => this.#cancel(place) }
  }

  /** A worker has died: nothing more can run. */
  fail(error: TensorferryError): void {
    this.#stop(error)
  }

  async close(): Promise<void> {
    this.#stop(disposedError())
    // Each replica answers what it has been sent before it closes.
    await Promise.all(this.#replicas.map((replica) => replica.close()))
  }

  #stop(error: TensorferryError): void {
    this.#stopped ??= error
    for (const job of this.#waiting.takeAll()) job.reject(error)
    for (const [replica, jobs] of this.#sent) {
      for (const job of jobs.slice(1)) {
        replica.skip(job.sent!.id)
        job.reject(error)
      }
    }
  }

  #cancel(place: Place<Job>): void {
    const job = place.value
    if (this.#waiting.remove(place)) this.#buffers.give(job.packed.buffer)
    else job.sent?.replica.skip(job.sent.id)
  }

  #dispatch(): void {
    while (this.#waiting.size > 0) {
      const replica = this.#leastBusy()
      if (replica.pending >= this.#ahead) return
      this.#send(this.#waiting.take()!, replica)
    }
  }

  #leastBusy(): Replica {
    let best = this.#replicas[0]!
    for (const replica of this.#replicas) if (replica.pending < best.pending) best = replica
    return best
  }

  #send(job: Job, replica: Replica): void {
    // The shared cell for the id has 32 bits; 0 means none.
    this.#lastId = (this.#lastId % 0x7fffffff) + 1
    job.sent = { replica, id: this.#lastId }
    const jobs = this.#sent.get(replica)!
    jobs.push(job)
    replica.send({ type: 'run', id: this.#lastId, packed: job.packed }, [job.packed.buffer]).then(
      (reply) => {
        jobs.shift()
        if ('buffer' in reply && reply.buffer) this.#buffers.give(reply.buffer)
        if (reply.type === 'outputs') job.resolve(tensorsFromOutputs(reply.outputs))
        else if (reply.type === 'failed') job.reject(rebuildError(reply.error))
        this.#dispatch()
      },
      (error: unknown) => job.reject(error),
    )
  }
}
