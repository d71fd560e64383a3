import { type DTypeData, type Tensor, tensor } from '@tensorferry/core'
import type { NativeSession } from '../native-session.ts'
import { ARRAYS, Exchange } from '../torchscript/exchange.ts'
import type { AotAddon, AotHandle, NativeResult } from './native-addon.ts'

const EXCHANGE_BYTES = 64 * 1024

/** How a session is made. */
export interface AotSessionOptions {
  readonly threads: number
  /** Large outputs are libtorch's memory. */
  readonly sharesOutputs: boolean
  /** A run changes what the next one computes. */
  readonly keepsState: boolean
}

/** A compiled model in the addon. */
export class AotSession implements NativeSession {
  inputCount = 0
  outputCount = 0
  readonly device = 'cpu'
  readonly threads: number
  readonly #addon: AotAddon
  readonly #handle: AotHandle
  readonly #exchange: Exchange
  readonly #codes: ReadonlyMap<string, number>

  constructor(addon: AotAddon, { threads, sharesOutputs, keepsState }: AotSessionOptions) {
    const memory = new ArrayBuffer(EXCHANGE_BYTES)
    this.threads = threads
    this.#addon = addon
    this.#handle = addon.create(threads, sharesOutputs, memory, keepsState)
    this.#exchange = new Exchange(memory, addon.dtypes)
    this.#codes = new Map(addon.dtypes.map((dtype, code) => [dtype, code]))
  }

  /** Absolute paths. */
  async load(libtorch: string, library: string, weights: string | null): Promise<void> {
    const { inputNames, outputCount } = await this.#addon.load(this.#handle, libtorch, library, weights)
    this.inputCount = inputNames.length
    this.outputCount = outputCount
  }

  async run(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    const results = this.#exchange.put(inputs)
      ? this.#addon.runExchange(this.#handle)
      : this.#addon.run(this.#handle, ...this.#arrays(inputs))
    return this.#tensors(await results)
  }

  runSync(inputs: readonly Tensor[]): readonly Tensor[] {
    if (!this.#exchange.put(inputs)) return this.#tensors(this.#addon.runSync(this.#handle, ...this.#arrays(inputs)))
    const results = this.#addon.runExchangeSync(this.#handle)
    return results === undefined ? this.#exchange.take() : this.#tensors(results)
  }

  async reset(): Promise<void> {
    await this.#addon.reset(this.#handle)
  }

  async dispose(): Promise<void> {
    await this.#addon.close(this.#handle)
    this.stop()
  }

  /** Waits, on the caller's thread, for the run in progress, and ends the thread. */
  stop(): void {
    this.#addon.stop(this.#handle)
  }

  #arrays(inputs: readonly Tensor[]): [number[], (readonly number[])[], ArrayBufferView[]] {
    return [
      inputs.map(({ dtype }) => this.#codes.get(dtype)!),
      inputs.map(({ shape }) => shape),
      inputs.map(({ data }) => data as ArrayBufferView),
    ]
  }

  #tensors(results: readonly NativeResult[]): Tensor[] {
    return results.map(([code, shape, data]) => {
      const dtype = this.#addon.dtypes[code] as 'float32'
      return tensor(dtype, new ARRAYS[dtype](data) as DTypeData['float32'], shape)
    })
  }
}
