import type { ServedModel } from './served-model.ts'

/** Where a version of a model stands. */
export type ModelState = 'LOADING' | 'READY' | 'UNLOADING' | 'UNAVAILABLE'

/** An entry of the repository's index. */
export interface ModelEntry {
  readonly name: string
  readonly version: string
  readonly state: ModelState
  /** Why it is not ready. Empty when it is, unless a newer one was refused and this one stays. */
  readonly reason: string
}

/** The models of a server. */
export interface ModelRepository {
  /**
   * @param version - default: the newest that is ready
   * @throws TensorferryError `NOT_FOUND` for an unknown model or version, `BACKEND_UNAVAILABLE` (503) for one that is not ready
   */
  get(name: string, version?: string): ServedModel
  /** Versions that are known, the newest first; empty for an unknown model. */
  versions(name: string): readonly string[]
  /** False for an unknown one. */
  isReady(name: string, version?: string): boolean
  /**
   * Whether every model that has been ready, and was not unloaded by request, has a version that answers: what the server's
   * readiness says. A version that cannot be loaded beside a good one does not count, nor does a model that never was ready.
   */
  readonly isAllReady: boolean
  /** Every version of every model, and how it stands. */
  index(): readonly ModelEntry[]
  /** Loads a known model again or anew; resolves when it is ready, and the one before is drained. @throws TensorferryError `NOT_FOUND` and what loading throws */
  load(name: string): Promise<void>
  /** Takes a model out, once its requests in progress are answered. @throws TensorferryError `NOT_FOUND` */
  unload(name: string): Promise<void>
  /** Stops taking requests, lets those in progress end, and unloads everything. */
  close(): Promise<void>
}
