import type { Tensor, Tensors } from '@tensorferry/core'
import type { Prepared } from './run-queue.ts'
import type { Layout } from './torchscript/layout.ts'

/** By their order, or, of a bare file that returns a dict, by its keys. */
export type Results = readonly Tensor[] | Tensors

/** A loaded model of either format, as a session uses it. */
export interface Engine {
  /** Runs that may be in progress. */
  readonly replicas: number
  /** Threads of one run. */
  readonly threads: number
  /**
   * Takes the inputs, in the signature's order; the caller may change them afterwards.
   *
   * @param layout - of this call, where it is not the signature's
   */
  prepare(inputs: readonly Tensor[], layout?: Layout): Prepared<Results>
  /** On the caller's time. */
  runSync(inputs: readonly Tensor[], layout?: Layout): Results
  /** Present when the model remembers. */
  reset?(): Prepared<void>
  /** Ends the threads and frees the model. Nothing is in progress. */
  close(): Promise<void>
  /** Present when a run may never end: what is in progress goes on, and no longer keeps the process alive. */
  leave?(): void
  /**
   * At the end of the process: waits, on the caller's thread, for what is in progress.
   *
   * @param exitCode - of the process
   */
  stop(exitCode: number): void
}
