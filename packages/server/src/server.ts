import { throwIfAborted } from '@tensorferry/core'
import { endsWithin } from '@tensorferry/core/node'
import { pino } from 'pino'
import { resolveOptions } from './check-options.ts'
import type { Listener, ServerContext } from './context.ts'
import { createHttp } from './http/create-http.ts'
import { LoadedModels } from './models/model-repository.ts'
import type { ModelRepository } from './models/repository.ts'
import { Metrics } from './observe/metrics.ts'
import { RequestObserver } from './observe/request-observer.ts'
import type { ResolvedOptions, ServerEvent, ServerOptions } from './options.ts'
import { PipelinePool } from './pipeline/pipeline-pool.ts'

/** A server that runs. */
export interface Server {
  /** Of HTTP, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** Of gRPC, such as `grpc://127.0.0.1:9000`; null: there is none. */
  readonly grpcUrl: string | null
  readonly repository: ModelRepository
  /**
   * Is not ready any more, takes no new requests, answers those in progress, and unloads the models. After `drainMs` what is
   * not answered is cut off. Safe to call twice.
   */
  close(): Promise<void>
  /** For `await using`: {@link Server.close}. */
  [Symbol.asyncDispose](): Promise<void>
}

async function listen(context: ServerContext): Promise<{ http: Listener; grpc: Listener | null }> {
  const http = await createHttp(context)
  if (context.options.grpcPort === null) return { http, grpc: null }
  try {
    // Whoever serves HTTP alone does not load gRPC.
    const { createGrpc } = await import('./grpc/create-grpc.ts')
    return { http, grpc: await createGrpc(context) }
  } catch (error) {
    http.cut()
    await http.close()
    throw error
  }
}

/** Milliseconds that models have to be unloaded in, once nothing is answered any more. */
const UNLOAD_MS = 5000

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

type Phase = 'starting' | 'serving' | 'unready' | 'draining' | 'closed'

/** One server's parts, and the order in which they come and go. */
class RunningServer implements Server {
  readonly repository: LoadedModels
  readonly context: ServerContext
  readonly #options: ResolvedOptions
  readonly #pipelines: PipelinePool
  readonly #onEvent: NonNullable<ServerOptions['onEvent']>
  #listeners: { http: Listener; grpc: Listener | null } | null = null
  #phase: Phase = 'starting'
  readonly #readinessListeners = new Set<() => void>()
  #starting: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(options: ServerOptions) {
    this.#options = resolveOptions(options)
    this.#onEvent = options.onEvent ?? (() => undefined)
    const logger = options.logger ?? pino({ enabled: false })
    const metrics: Metrics = new Metrics(
      () => this.repository.measured(),
      () => this.repository.index(),
    )
    const { models, watchMs, pipelineThreads } = this.#options
    const pipelines = new PipelinePool(pipelineThreads)
    this.#pipelines = pipelines
    const emit = (event: ServerEvent): void => this.#onEvent(event)
    const onChange = (): void => this.#tellReadiness()
    this.repository = new LoadedModels({ models, watchMs, metrics, logger, pipelines, emit, onChange })
    const phase = () => this.#phase
    this.context = {
      repository: this.repository,
      options: this.#options,
      metrics,
      observer: new RequestObserver(metrics, logger),
      logger,
      live: () => phase() !== 'closed',
      ready: () => phase() === 'serving' && this.repository.isAllReady,
      onReadiness: (listener) => {
        this.#readinessListeners.add(listener)
        return () => void this.#readinessListeners.delete(listener)
      },
      get draining() {
        return phase() === 'draining' || phase() === 'closed'
      },
    }
  }

  get url(): string {
    return this.#listeners!.http.url
  }

  get grpcUrl(): string | null {
    return this.#listeners?.grpc?.url ?? null
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    const stop = (): void => void this.close()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      throwIfAborted({ signal })
      // A wrong path is told before anything listens.
      await this.repository.find()
      this.#starting = listen(this.context).then((listeners) => {
        this.#listeners = listeners
      })
      await this.#starting
      throwIfAborted({ signal })
      this.#onEvent({ type: 'listening', url: this.url, grpcUrl: this.grpcUrl })
      await this.repository.loadAll()
      throwIfAborted({ signal })
      this.#enter('serving')
    } catch (error) {
      await this.close()
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #listening(): readonly Listener[] {
    return [this.#listeners?.http, this.#listeners?.grpc].filter((one) => !!one)
  }

  async #close(): Promise<void> {
    // One that is closed before it listens would listen on.
    await this.#starting.catch(() => undefined)
    const { drainMs, unreadyMs } = this.#options
    const wasServing = this.#phase === 'serving'
    this.#enter('unready')
    if (wasServing && unreadyMs > 0) await sleep(unreadyMs)
    this.#enter('draining')
    const { observer, logger } = this.context
    if (wasServing) {
      // One that never served has taken nothing that it would have to answer.
      logger.info({ inProgress: observer.inProgress }, 'draining')
      this.#onEvent({ type: 'draining', inProgress: observer.inProgress })
    }
    const listeners = this.#listening()
    const drained = Promise.allSettled(listeners.map((listener) => listener.close()))
    if (!(await endsWithin(drained, drainMs))) {
      logger.warn({ inProgress: observer.inProgress, drainMs }, 'what is not answered after drainMs is cut off')
      this.repository.abandon()
      for (const listener of listeners) listener.cut()
      await drained
    }
    if (!(await endsWithin(this.repository.close(), UNLOAD_MS))) {
      logger.warn({ unloadMs: UNLOAD_MS }, 'a run or a load that does not end is left: its model is not unloaded')
    }
    await this.#pipelines.close()
    this.#enter('closed')
  }

  #enter(phase: Phase): void {
    this.#phase = phase
    this.#tellReadiness()
  }

  #tellReadiness(): void {
    for (const listener of this.#readinessListeners) listener()
  }
}

/**
 * Serves models over HTTP, and gRPC where a port is given. It listens at once, alive and not ready, and resolves when every
 * model is loaded, verified and warm.
 *
 * @throws TensorferryError `OPTIONS_INVALID`, `BACKEND_UNAVAILABLE` when a port is taken, and what `loadModel` throws for the
 *   first model that fails: nothing listens then
 */
export async function serve(options: ServerOptions): Promise<Server> {
  const server = new RunningServer(options)
  await server.start(options.signal)
  return server
}
