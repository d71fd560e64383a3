import type { Tensor } from '@tensorferry/core'

/**
 * A model inside an addon, on one dedicated native thread of its own for its whole life.
 * Both addons (AOTInductor and TorchScript) are wrapped to this; what is above it is shared.
 */
export interface NativeSession {
  /** Names and dtypes the addon knows by itself; null: none (AOTInductor and TorchScript hold no tensor names). */
  readonly inputCount: number | null
  readonly outputCount: number | null
  readonly device: string
  readonly threads: number
  /**
   * Tensors in the signature's order. Inputs are borrowed, without a copy, until the promise settles:
   * the caller above must not let them change (it snapshots what the user gave).
   */
  run(inputs: readonly Tensor[]): Promise<readonly Tensor[]>
  /** The same on the caller's thread's time: for models of microseconds. */
  runSync(inputs: readonly Tensor[]): readonly Tensor[]
  /** The model's own state is what the file holds again. */
  reset?(): Promise<void>
  /** Ends the thread after the run in progress, frees the model. */
  dispose(): Promise<void>
}
