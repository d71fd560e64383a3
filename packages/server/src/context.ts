import type { Logger } from 'pino'
import type { ModelRepository } from './models/repository.ts'
import type { Metrics } from './observe/metrics.ts'
import type { RequestObserver } from './observe/request-observer.ts'
import type { ResolvedOptions } from './options.ts'

/** What a protocol gets of the server. */
export interface ServerContext {
  readonly repository: ModelRepository
  readonly options: ResolvedOptions
  readonly metrics: Metrics
  /** Counts, traces and logs each request. */
  readonly observer: RequestObserver
  readonly logger: Logger
  /** False once closed. */
  live(): boolean
  /** Every model that is wanted is ready, and the server takes requests. */
  ready(): boolean
  /** Calls back whenever readiness, the server's or a model's, may be another than before. @returns ends it */
  onReadiness(listener: () => void): () => void
  /** No new requests: those in progress are answered. */
  readonly draining: boolean
}

/** A protocol that listens. */
export interface Listener {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** Takes no new requests, and resolves when those in progress are answered. */
  close(): Promise<void>
  /** Ends every connection at once. */
  cut(): void
}
