import type { CallOptions, Session } from './backend.ts'
import { TensorferryError } from './errors.ts'
import type { Signature, TensorSpec } from './signature.ts'
import type { StreamParts } from './stream-parts.ts'
import type { Tensor, Tensors } from './tensor.ts'

/** A recurrent model, one step after the other: each step's state outputs are the next one's state inputs. */
export interface ModelStream {
  /** State inputs by name as the next step will get them; empty before the first step. */
  readonly state: Tensors
  /**
   * One step. Steps wait for each other, first in, first out.
   *
   * @param inputs - the inputs without the states; a state given here replaces the kept one
   * @returns the outputs without the states
   * @throws TensorferryError as `Model.run`; a step that fails, is aborted or times out leaves the state as it was
   */
  run(inputs: Tensors, options?: CallOptions): Promise<Tensors>
  /** Back to the first step: states are zeros again. */
  reset(options?: CallOptions): Promise<void>
}

function initialState(
  spec: TensorSpec,
  bound: Readonly<Record<string, number>>,
  { isDimName, parseDim, zeros }: StreamParts,
): Tensor {
  const shape = (spec.shape ?? []).map((dim) => {
    if (typeof dim === 'number') return dim
    const size = dim === null ? Number.NaN : isDimName(dim) ? bound[dim] : parseDim(dim).evaluate(bound)
    if (size !== undefined && !Number.isNaN(size)) return size
    throw new TensorferryError(
      'INPUT_INVALID',
      `${spec.name}: the size ${dim ?? '?'} of its first state follows from no other input; pass ${spec.name} in the first step`,
    )
  })
  return zeros(spec.dtype ?? 'float32', shape)
}

/** Opens a stream over a session that keeps state, in its signature or by itself. */
export function createStream(session: Session, signature: Signature, parts: StreamParts): ModelStream {
  const { checkInputs, refuseCallOptions, throwIfAborted, withCallOptions } = parts
  const { states } = signature
  const stateInputs = new Set(states.map((state) => state.input))
  const freeInputs = signature.inputs.filter((spec) => !stateInputs.has(spec.name))
  let state: Record<string, Tensor> = {}
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work)
    last = turn.catch(() => undefined)
    return turn
  }

  const step = async (inputs: Tensors, isCancelled: () => boolean): Promise<Tensors> => {
    if (isCancelled()) return {}
    const free = Object.fromEntries(Object.entries(inputs).filter(([name]) => !stateInputs.has(name)))
    const bound = checkInputs({ inputs: freeInputs, dims: signature.dims }, free)
    const feed: Record<string, Tensor> = { ...free }
    for (const { input } of states) {
      const spec = signature.inputs.find(({ name }) => name === input)!
      feed[input] = inputs[input] ?? state[input] ?? initialState(spec, bound, parts)
    }
    const outputs: Record<string, Tensor> = { ...(await session.run(feed)) }
    if (isCancelled()) return {}
    const next: Record<string, Tensor> = {}
    for (const { input, output } of states) {
      next[input] = outputs[output]!
      delete outputs[output]
    }
    state = next
    return outputs
  }

  return {
    get state() {
      return state
    },
    async run(inputs, options) {
      const refused = refuseCallOptions(options)
      if (refused) return refused
      throwIfAborted(options)
      let cancelled = false
      return withCallOptions(
        options,
        () => inTurn(() => step(inputs, () => cancelled)),
        () => {
          cancelled = true
        },
      )
    },
    async reset(options) {
      const refused = refuseCallOptions(options)
      if (refused) return refused
      return withCallOptions(options, () =>
        inTurn(async () => {
          state = {}
          await session.reset?.()
        }),
      )
    },
  }
}
