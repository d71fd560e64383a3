import type { Tensor, TensorferryError, TensorSpec } from '@tensorferry/core'
import type { Engine, Results } from '../engine.ts'
import { mapCallError } from '../map-error.ts'
import type { Prepared } from '../run-queue.ts'
import type { BakedDevices } from './baked-devices.ts'
import { endThreads } from './end-threads.ts'
import { Exchange } from './exchange.ts'
import { flatten, nameLeaves } from './flatten.ts'
import { type Layout, leafValue } from './layout.ts'
import type { MethodSchema, NativeAddon, NativeModel, TypeSchema } from './native-addon.ts'
import type { Value } from './value.ts'

/** What `forwardSync` returns in place of results that are in the exchange. */
const IN_EXCHANGE = undefined

/** How a session binds `forward`. */
export interface Binding {
  readonly forward: MethodSchema | null
  readonly inputs: readonly TensorSpec[]
  /** How arguments are put together from the inputs; null: each is one. */
  readonly layout: Layout | null
  /** The outputs have names already: the signature's, or those that the result's type gives. */
  readonly namesOutputs: boolean
}

/** A TorchScript module on native threads of its own. */
export class TorchScriptEngine implements Engine {
  readonly replicas: number
  readonly threads: number
  /** Present when the model remembers. */
  readonly reset?: () => Prepared<void>
  readonly #addon: NativeAddon
  readonly #model: NativeModel
  readonly #binding: Binding
  readonly #copies: boolean
  readonly #baked: BakedDevices
  /** null: forward takes other things than tensors. */
  readonly #exchange: Exchange | null

  constructor(
    addon: NativeAddon,
    model: NativeModel,
    binding: Binding,
    options: {
      replicas: number
      threads: number
      borrowInputs: boolean
      hasInnerState: boolean
      baked: BakedDevices
    },
  ) {
    this.#addon = addon
    this.#model = model
    this.#binding = binding
    this.#copies = !options.borrowInputs
    this.#baked = options.baked
    const onlyTensors = binding.layout === null && binding.inputs.every(({ kind = 'tensor' }) => kind === 'tensor')
    this.#exchange = onlyTensors ? new Exchange(model.exchange, addon.dtypes) : null
    this.replicas = options.replicas
    this.threads = options.threads
    if (options.hasInnerState) {
      this.reset = () => this.#prepared(async (replica) => void (await this.#model.reset(replica)))
    }
  }

  prepare(inputs: readonly Tensor[], layout = this.#binding.layout): Prepared<Results> {
    // A session of a model without one runs nothing.
    const { returns } = this.#binding.forward!
    const call =
      layout === null && this.#exchange?.put(inputs)
        ? this.#started(() => this.#model.prepareForward())
        : this.prepareCall('forward', this.#arguments(inputs, layout))
    return { start: async (replica) => this.#tensors(await call.start(replica), returns), drop: call.drop }
  }

  runSync(inputs: readonly Tensor[], layout = this.#binding.layout): Results {
    // A session of a model without one runs nothing.
    const { returns } = this.#binding.forward!
    if (layout !== null || !this.#exchange?.put(inputs)) {
      return this.#tensors(this.callSync('forward', this.#arguments(inputs, layout)), returns)
    }
    let value: unknown
    try {
      value = this.#model.forwardSync()
    } catch (error) {
      throw this.#mapped(error)
    }
    return value === IN_EXCHANGE ? this.#exchange.take() : this.#tensors(value as Value, returns)
  }

  prepareCall(method: string, args: readonly Value[]): Prepared<Value> {
    return this.#started(() => this.#model.prepare(method, args, this.#copies))
  }

  #started(prepare: () => number): Prepared<Value> {
    let call: number
    try {
      call = prepare()
    } catch (error) {
      throw this.#mapped(error)
    }
    return {
      start: (replica) =>
        this.#model.start(replica, call).catch((error: unknown) => {
          throw this.#mapped(error)
        }) as Promise<Value>,
      drop: () => this.#model.drop(call),
    }
  }

  callSync(method: string, args: readonly Value[]): Value {
    try {
      return this.#model.callSync(method, args) as Value
    } catch (error) {
      throw this.#mapped(error)
    }
  }

  prepareAttribute(name: string): Prepared<Value> {
    return this.#prepared((replica) => this.#model.attribute(replica, name) as Promise<Value>)
  }

  async close(): Promise<void> {
    for (let replica = 0; replica < this.replicas; replica++) await this.#model.close(replica)
    this.#model.stop()
  }

  leave(): void {
    this.#model.leave()
  }

  stop(exitCode: number): void {
    endThreads(this.#addon, this.#model, exitCode)
  }

  #mapped(error: unknown): TensorferryError {
    return this.#baked.explain(mapCallError(error))
  }

  #prepared<T>(start: (replica: number) => Promise<T>): Prepared<T> {
    return {
      start: async (replica) => {
        try {
          return await start(replica)
        } catch (error) {
          throw this.#mapped(error)
        }
      },
      drop() {},
    }
  }

  #arguments(inputs: readonly Tensor[], layout: Layout | null): Value[] {
    if (layout) return layout.arguments(inputs)
    return inputs.map((input, index) => {
      const { name, kind = 'tensor' } = this.#binding.inputs[index]!
      return leafValue(name, { is: 'one', kind, optional: false }, input)
    })
  }

  #tensors(value: Value, returns: TypeSchema): Results {
    if (returns.kind === 'tensor') return [value as Tensor]
    return this.#binding.namesOutputs ? flatten(value, returns) : nameLeaves(value, returns)
  }
}
