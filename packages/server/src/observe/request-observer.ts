import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { Logger } from 'pino'
import type { Metrics } from './metrics.ts'

/** What is known of a request from its head. */
export interface RequestHead {
  readonly protocol: 'http' | 'grpc'
  /** What is asked for, one of few words: `infer`, `predict`, `metadata`. */
  readonly operation: string
  /** For the W3C trace context. Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** One request from its head to its answer. */
export interface ObservedRequest {
  /** Runs work as a part of the request: what it calls finds the request's span. */
  run<T>(work: () => T): T
  /** Names the model, once it was found: unknown names would fill the metrics. */
  setModel(name: string, version: string): void
  /**
   * The answer is on its way, or the client is gone. Later calls do nothing.
   *
   * @param code - `OK`, or the error's
   * @param status - of the protocol, such as 200 or `UNAVAILABLE`
   */
  end(code: string, status: number | string): void
}

const getter = {
  keys: (headers: RequestHead['headers']) => Object.keys(headers),
  get: (headers: RequestHead['headers'], key: string) => {
    const value = headers[key]
    return typeof value === 'object' ? [...value] : value
  },
}

/** Codes that are nobody's fault here: the client's request, its absence, or a full queue that says so. */
const EXPECTED = new Set([
  'OK',
  'INPUT_INVALID',
  'NOT_FOUND',
  'ABORTED',
  'OVERLOADED',
  'TIMED_OUT',
  'FORMAT_UNSUPPORTED',
])

/** Counts, traces and logs requests of every protocol. Bodies are never looked at. */
export class RequestObserver {
  readonly #metrics: Metrics
  readonly #logger: Logger
  readonly #tracer = trace.getTracer('@tensorferry/server')
  #inProgress = 0

  constructor(metrics: Metrics, logger: Logger) {
    this.#metrics = metrics
    this.#logger = logger
  }

  /** Requests that are not answered yet. */
  get inProgress(): number {
    return this.#inProgress
  }

  /** Begins to observe a request. */
  start({ protocol, operation, headers }: RequestHead): ObservedRequest {
    const startMs = performance.now()
    const parent = headers.traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, headers, getter)
    const span: Span = this.#tracer.startSpan(
      `${protocol} ${operation}`,
      { kind: SpanKind.SERVER, attributes: { 'tensorferry.protocol': protocol, 'tensorferry.operation': operation } },
      parent,
    )
    const active: Context = trace.setSpan(parent, span)
    let model = ''
    let modelVersion = ''
    let ended = false
    this.#inProgress++
    this.#metrics.inFlight.inc({ protocol })
    return {
      run: (work) => context.with(active, work),
      setModel: (name, version) => {
        model = name
        modelVersion = version
        span.setAttributes({ 'tensorferry.model': name, 'tensorferry.version': version })
      },
      end: (code, status) => {
        if (ended) return
        ended = true
        this.#inProgress--
        const ms = performance.now() - startMs
        this.#metrics.inFlight.dec({ protocol })
        this.#metrics.requests.inc({ protocol, operation, model, code })
        this.#metrics.requestSeconds.observe({ protocol, operation, model }, ms / 1000)
        if (code !== 'OK') span.setStatus({ code: SpanStatusCode.ERROR, message: code })
        span.end()
        const level = EXPECTED.has(code) ? 'info' : 'error'
        if (!this.#logger.isLevelEnabled(level)) return
        const rounded = Math.round(ms * 1000) / 1000
        this.#logger[level]({ protocol, operation, model, version: modelVersion, code, status, ms: rounded }, 'request')
      },
    }
  }
}
