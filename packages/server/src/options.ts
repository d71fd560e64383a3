import type {
  BackendChoice,
  LoadModelOptions,
  LoadReport,
  ModelSource,
  Progress,
  TensorferryError,
} from '@tensorferry/core'
import type { Logger } from 'pino'

/** How requests of a model are gathered into one run. */
export interface BatchingOptions {
  /** Rows of one run at most, never more than the bundle's `max` of its batch dim; a request that has more runs alone. Default 32. */
  readonly maxRows?: number
  /** Input bytes of one run at most; a request that has more runs alone. Default 16 MiB: large inputs gain nothing, and cost memory. */
  readonly maxBytes?: number
  /** Milliseconds that a request may wait for others while the model is idle. Default 0: an idle model runs at once, a busy one gathers. */
  readonly maxDelayMs?: number
}

/** How much may wait for a model before requests are refused with `OVERLOADED`. */
export interface QueueOptions {
  /** Default 1024. */
  readonly maxRequests?: number
  /** Rows of all waiting requests; default: no bound of its own. */
  readonly maxRows?: number
  /** Input bytes of all waiting requests; default 256 MiB. */
  readonly maxBytes?: number
}

/** What each model can have of its own; what is left out is the server's. */
export interface ModelDefaults {
  /** As in `loadModel`: a value, a package's name, or a list in order of preference. Default: environment, then config file. */
  readonly backend?: BackendChoice | undefined
  /** An artifact's name, such as `onnx-fp16`. Default: the first that the backend reads. */
  readonly artifact?: string | undefined
  /** `smoke` (default) replays the bundle's first golden before the model is ready. */
  readonly verify?: LoadModelOptions['verify']
  /** False: one request, one run. Models that keep state, and bundles without a batch dim, are never batched. */
  readonly batching?: BatchingOptions | false | undefined
  /** Bounds of the queue. */
  readonly queue?: QueueOptions | undefined
  /** Milliseconds that a request may take, its time in the queue included; default: no limit but the client's. */
  readonly requestTimeoutMs?: number | undefined
}

/** A model to serve. */
export interface ModelOptions extends ModelDefaults {
  /** In addresses; default: the bundle's name, or the file's without its suffix. */
  readonly name?: string | undefined
  /** Default: the bundle's version, `1` for a bare file. */
  readonly version?: string | undefined
  /** A bundle's folder or URL, a model file, its URL or bytes, or a folder with a bundle for each version (`NAME/1`, `NAME/2`). */
  readonly source: ModelSource
}

/** Options of {@link serve}. */
export interface ServerOptions extends ModelDefaults {
  /** What to serve: `NAME=PATH`, a path or URL, or an object with options of its own. */
  readonly models: readonly (string | ModelOptions)[]
  /** Address to listen on. Default `127.0.0.1`: this machine alone. */
  readonly host?: string | undefined
  /** Port of HTTP; 0: any free one. Default 8080. */
  readonly port?: number | undefined
  /** Port of gRPC; 0: any free one. Default null: no gRPC. */
  readonly grpcPort?: number | null | undefined
  /**
   * The path that clients have before this server's addresses, such as `/ml`: where a proxy leaves it, it is taken off, and
   * pages and description know it. Addresses without it are answered too. Default: none.
   */
  readonly basePath?: string | undefined
  /** Whoever has one of these may use models: `Authorization: Bearer KEY` or `X-API-Key`. At least one. Default: everybody may. */
  readonly apiKeys?: readonly string[] | undefined
  /** Switches load and unload over the network on, for whoever has the token. */
  readonly repositoryToken?: string | undefined
  /** Origins whose pages may call, or true for all. Default false. */
  readonly cors?: boolean | readonly string[] | undefined
  /** PEM texts. Default: no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** Bytes of a request's body, after it is unpacked. Default 64 MiB. */
  readonly bodyLimit?: number | undefined
  /** Requests of one client (key, else address) in a time. Default: no limit. */
  readonly rateLimit?: { readonly requests: number; readonly perMs: number } | undefined
  /** Connections at once. Default 10 000. */
  readonly maxConnections?: number | undefined
  /** Milliseconds that a client may take to send a request. Default 60 000. */
  readonly clientTimeoutMs?: number | undefined
  /** Milliseconds that a connection may be idle. Default 75 000: longer than a load balancer's 60 s, which closes first. */
  readonly idleTimeoutMs?: number | undefined
  /** A proxy stands before it, and says in `X-Forwarded-For` who the client is. Default false. */
  readonly trustProxy?: boolean | undefined
  /** Worker threads for large JSON; 0: none. Default 1. */
  readonly jsonThreads?: number | undefined
  /**
   * Worker threads in which pictures are decoded, scaled and put together, so that the event loop stays free; 0: none.
   * Default: the number of cores, at most 4. They are started when they are needed.
   */
  readonly pipelineThreads?: number | undefined
  /** The upload page at `/` and the description's page at `/docs`. Default true. */
  readonly pages?: boolean | undefined
  /** Looks for changed bundles on disk this often and loads them beside the old ones. Default false; true: each second. */
  readonly watch?: boolean | { readonly intervalMs: number } | undefined
  /** Milliseconds that `close` waits for requests in progress. Default 30 000. */
  readonly drainMs?: number | undefined
  /** Milliseconds at the beginning of `close` in which it is not ready and still takes requests: load balancers notice. Default 0. */
  readonly unreadyMs?: number | undefined
  /** pino's; default: nothing is logged. */
  readonly logger?: Logger | undefined
  /** Stops a server that is still starting. */
  readonly signal?: AbortSignal | undefined
  /** Told of what happens: for programs that show it. */
  readonly onEvent?: ((event: ServerEvent) => void) | undefined
}

/** What {@link ServerOptions.onEvent} is told. */
export type ServerEvent =
  /** It listens; models are not loaded yet. */
  | { readonly type: 'listening'; readonly url: string; readonly grpcUrl: string | null }
  | { readonly type: 'loading'; readonly model: string; readonly source: string }
  | { readonly type: 'progress'; readonly model: string; readonly progress: Progress }
  /** The model takes requests; `replaced`: in the place of the one before. */
  | {
      readonly type: 'loaded'
      readonly model: string
      readonly version: string
      readonly report: LoadReport
      /** Whether requests are gathered; null: they are, else why not. */
      readonly unbatched: string | null
      readonly replaced: boolean
    }
  /** It could not be loaded; `version` is empty where it is not known; `kept`: the one before stays in its place. */
  | {
      readonly type: 'failed'
      readonly model: string
      readonly version: string
      readonly error: TensorferryError
      readonly kept: boolean
    }
  | { readonly type: 'unloaded'; readonly model: string; readonly version: string }
  /** No new requests; `inProgress` are answered. */
  | { readonly type: 'draining'; readonly inProgress: number }

/** {@link ModelDefaults}, checked and filled in. */
export interface ResolvedModelDefaults {
  readonly backend: BackendChoice | undefined
  readonly artifact: string | undefined
  readonly verify: LoadModelOptions['verify']
  readonly batching: { readonly maxRows: number; readonly maxBytes: number; readonly maxDelayMs: number } | null
  readonly queue: { readonly maxRequests: number; readonly maxRows: number; readonly maxBytes: number }
  /** Infinity: no limit. */
  readonly requestTimeoutMs: number
}

/** A model of {@link ServerOptions.models}, checked; null: what the source says. */
export interface ResolvedModelOptions extends ResolvedModelDefaults {
  readonly name: string | null
  readonly version: string | null
  readonly source: ModelSource
}

/** {@link ServerOptions}, checked and filled in. */
export interface ResolvedOptions {
  readonly models: readonly ResolvedModelOptions[]
  readonly host: string
  readonly port: number
  readonly grpcPort: number | null
  /** Such as `/ml`; empty: none. */
  readonly basePath: string
  /** Empty: everybody may. */
  readonly apiKeys: readonly string[]
  /** null: load and unload are switched off. */
  readonly repositoryToken: string | null
  readonly cors: boolean | readonly string[]
  readonly tls: { readonly cert: string; readonly key: string } | null
  readonly bodyLimit: number
  readonly rateLimit: { readonly requests: number; readonly perMs: number } | null
  readonly maxConnections: number
  readonly clientTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly trustProxy: boolean
  readonly jsonThreads: number
  readonly pipelineThreads: number
  readonly pages: boolean
  /** null: nothing is watched. */
  readonly watchMs: number | null
  readonly drainMs: number
  readonly unreadyMs: number
}
