/** A model on a native thread of its own, as the addon knows it. */
export type AotHandle = { readonly brand: unique symbol }

/** An output: its dtype's code, its shape, its data. */
export type NativeResult = readonly [code: number, shape: readonly number[], data: ArrayBuffer]

/** `aot.node`: see native/aot/addon.c. Its errors have a `kind`. */
export interface AotAddon {
  /** Element types by their codes. */
  readonly dtypes: readonly string[]
  /**
   * Opens libtorch, once, before any session loads a model.
   *
   * @param path - absolute, of its main library
   */
  open(path: string): void
  /**
   * @param exchange - memory for small tensors, see `exchange.ts`
   * @param remembers - a run changes what the next one computes
   */
  create(threads: number, sharesOutputs: boolean, exchange: ArrayBuffer, remembers: boolean): AotHandle
  /** Absolute paths of libtorch's main library, of the model's own, and of weights that lie beside it. */
  load(
    session: AotHandle,
    libtorch: string,
    library: string,
    weights: string | null,
  ): Promise<{ readonly inputNames: readonly string[]; readonly outputCount: number }>
  run(
    session: AotHandle,
    codes: readonly number[],
    shapes: readonly (readonly number[])[],
    data: readonly ArrayBufferView[],
  ): Promise<readonly NativeResult[]>
  /** With the tensors in the exchange. */
  runExchange(session: AotHandle): Promise<readonly NativeResult[]>
  runSync(
    session: AotHandle,
    codes: readonly number[],
    shapes: readonly (readonly number[])[],
    data: readonly ArrayBufferView[],
  ): readonly NativeResult[]
  /** With the tensors in the exchange; undefined: the results are there too. */
  runExchangeSync(session: AotHandle): readonly NativeResult[] | undefined
  /** Constants are what the file holds again. */
  reset(session: AotHandle): Promise<void>
  /** Frees the model, on its thread. */
  close(session: AotHandle): Promise<void>
  /** Waits, on the caller's thread, for the run in progress, and ends the thread. */
  stop(session: AotHandle): void
}
