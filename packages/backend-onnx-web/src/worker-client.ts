import { TensorferryError } from '@tensorferry/core'
import { errorOf } from '@tensorferry/onnx-shared/problem'
import type { Build, Host } from './host.ts'
import type { Reply, ReplyTo, Request } from './messages.ts'

type Failed = Extract<Reply, { type: 'failed' }>

interface Expected {
  resolve(reply: Reply): void
  reject(error: TensorferryError): void
}

/** What a worker answered to a request that failed. */
export class RequestFailed {
  readonly error: TensorferryError
  readonly reply: Failed

  private constructor(error: TensorferryError, reply: Failed) {
    this.error = error
    this.reply = reply
  }

  /** Finds the words for it: an app whose models work never loads them. */
  static async of(reply: Failed, request: Request): Promise<RequestFailed> {
    const { mapError } = await import('./map-error.ts')
    return new RequestFailed(errorOf(mapError(reply.error, request.type === 'run' ? 'run' : 'load')), reply)
  }
}

/** One worker with at most one model in it. */
export class WorkerClient {
  readonly #worker
  readonly #expected: Expected[] = []
  #death: TensorferryError | null = null
  #isStarted = false

  private constructor(host: Host, build: Build, assets: string | null) {
    this.#worker = host.startWorker(build, assets, {
      onReply: (reply) => this.#settle(reply),
      onDeath: (reason, cause) => this.#die(reason, cause),
    })
  }

  /**
   * A worker that answers.
   *
   * @throws TensorferryError `BACKEND_UNAVAILABLE`
   */
  static async start(host: Host, build: Build, assets: string | null, signal: AbortSignal): Promise<WorkerClient> {
    let client: WorkerClient
    try {
      client = new WorkerClient(host, build, assets)
    } catch (error) {
      // Such as a worker of another origin.
      throw new TensorferryError('BACKEND_UNAVAILABLE', `no worker could be started: ${(error as Error).message}`, {
        cause: error,
      })
    }
    signal.addEventListener('abort', () => void client.terminate(), { once: true })
    await client.send({ type: 'start', lock: host.newLock() })
    client.#isStarted = true
    return client
  }

  /** Set once the worker has ended. */
  get death(): TensorferryError | null {
    return this.#death
  }

  /**
   * @param transfer - buffers that move to the worker
   * @throws RequestFailed what the worker answered; TensorferryError why it ended
   */
  send<R extends Request>(request: R, transfer: ArrayBuffer[] = []): Promise<ReplyTo<R>> {
    if (this.#death) return Promise.reject(this.#death)
    return new Promise<Reply>((resolve, reject) => {
      // An idle model does not keep the process alive; work in progress does.
      if (this.#expected.push({ resolve, reject }) === 1) this.#worker.keepAlive(true)
      this.#worker.post(request, transfer)
    }).then(async (reply) => {
      if (reply.type === 'failed') throw await RequestFailed.of(reply, request)
      return reply as ReplyTo<R>
    })
  }

  /** Ends the worker, whatever it does; its memory goes back. Requests in progress reject. */
  async terminate(error = new TensorferryError('SESSION_DISPOSED', 'the worker has been ended')): Promise<void> {
    this.#end(error)
    await this.#worker.terminate()
  }

  #settle(reply: Reply): void {
    const expected = this.#expected.shift()
    if (this.#expected.length === 0) this.#worker.keepAlive(false)
    expected?.resolve(reply)
  }

  #die(reason: string, cause: unknown): void {
    if (this.#death) return
    const [code, message] = this.#isStarted
      ? ([
          'RUNTIME_FAILED',
          `the worker that runs the model has ended: ${reason}; the next run starts a new one`,
        ] as const)
      : (['BACKEND_UNAVAILABLE', `the worker could not be started: ${reason}`] as const)
    this.#end(new TensorferryError(code, message, { cause }))
    void this.#worker.terminate()
  }

  #end(error: TensorferryError): void {
    if (this.#death) return
    this.#death = error
    for (const { reject } of this.#expected.splice(0)) reject(error)
  }
}
