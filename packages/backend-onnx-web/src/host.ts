import type { Reply, Request, RuntimeFiles } from './messages.ts'

/** The build of ONNX Runtime that a provider needs: the small one for the CPU alone, or the one with GPU and WebNN. */
export type Build = 'cpu' | 'gpu'

/** One end of a worker, the same in Node and in browsers. */
interface WorkerHandle {
  post(message: Request, transfer: ArrayBuffer[]): void
  /** Node: whether it keeps the process alive. */
  keepAlive(alive: boolean): void
  /** Ends it in the middle of whatever it does; its memory goes back. */
  terminate(): Promise<void>
}

/** Told of what comes from a worker. */
interface WorkerEvents {
  onReply(reply: Reply): void
  /** It has ended, or could not be started. */
  onDeath(reason: string, cause?: unknown): void
}

/** What differs between Node, browsers and a service worker. */
export interface Host {
  /** Why workers cannot be started here, and what to do; null: they can. */
  readonly obstacle: { readonly reason: string; readonly hint: string } | null
  /** Cores that the system tells of. */
  readonly cores: number
  /** Why there is one thread alone here, and how to get more; null: there can be more. */
  readonly singleThreaded: string | null
  /** Builds that it has. */
  readonly builds: readonly Build[]
  /** Addresses of ONNX Runtime's files. */
  runtimeFiles(build: Build, assets: string | null): RuntimeFiles
  /** Name of a lock that a new worker holds for life, where no event tells of its end; else null. */
  newLock(): string | null
  startWorker(build: Build, assets: string | null, events: WorkerEvents): WorkerHandle
}
