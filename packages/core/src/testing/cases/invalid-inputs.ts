import { type Tensor, type Tensors, tensor, zeros } from '../../tensor.ts'
import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { cloneTensors } from '../embedded.ts'
import { rejectsWith } from '../outcome.ts'
import { requireGoldens, withSession } from '../session-use.ts'

type Inputs = Record<string, Tensor>

/** Typed as tensors and none: what a caller without TypeScript can pass. */
const unchecked = (value: unknown): Tensor => value as Tensor

const sizes = (batch: number, features: number, { offset = batch, pairs = 2 * batch } = {}): Inputs => ({
  input: zeros('float32', [batch, features]),
  offset: zeros('float32', [offset, 1]),
  pairs: zeros('float32', [pairs]),
})

/** Each makes inputs wrong in one way; valid ones are those of the fixture `general`. */
const INVALID_INPUTS: Readonly<Record<string, (valid: Inputs) => unknown>> = {
  'a missing input': ({ offset, ...others }) => others,
  'an unknown input': (valid) => ({ ...valid, no_such_input: zeros('float32', [1]) }),
  'a misspelt input': ({ input, ...others }) => ({ ...others, Input: input }),
  'another dtype': (valid) => ({ ...valid, input: zeros('int32', valid.input!.shape) }),
  'a dtype as wide as the right one': (valid) => ({ ...valid, pairs: zeros('float64', valid.pairs!.shape) }),
  'an unknown dtype': (valid) => ({ ...valid, input: unchecked({ ...valid.input, dtype: 'float' }) }),
  'another rank': (valid) => ({ ...valid, offset: zeros('float32', [valid.offset!.shape[0]!]) }),
  'another fixed size': (valid) => ({ ...valid, offset: zeros('float32', [valid.offset!.shape[0]!, 2]) }),
  'a size under its range': () => sizes(0, 4),
  'a size over its range': () => sizes(9, 4),
  'a size that is no multiple': () => sizes(2, 3),
  'two sizes for one dim': () => sizes(2, 4, { offset: 3, pairs: 4 }),
  'a size against its expression': () => sizes(2, 4, { pairs: 5 }),
  'data of another class': (valid) => ({ ...valid, input: unchecked({ ...valid.input, data: new Float64Array(8) }) }),
  'a plain array of numbers': (valid) => ({
    ...valid,
    input: unchecked({ ...valid.input, data: [0, 0, 0, 0, 0, 0, 0, 0] }),
  }),
  'fewer elements than its shape': (valid) => ({
    ...valid,
    input: unchecked({ ...valid.input, data: new Float32Array(7) }),
  }),
  'more elements than its shape': (valid) => ({
    ...valid,
    input: unchecked({ ...valid.input, data: new Float32Array(9) }),
  }),
  'a negative size': (valid) => ({ ...valid, input: unchecked({ ...valid.input, shape: [-2, -4] }) }),
  'a detached buffer': (valid) => {
    const input = tensor('float32', new Float32Array(8), [2, 4])
    structuredClone(input.data, { transfer: [input.data.buffer] })
    return { ...valid, input }
  },
  'a typed array in place of a tensor': (valid) => ({ ...valid, input: unchecked(new Float32Array(8)) }),
  'null in place of a tensor': (valid) => ({ ...valid, input: unchecked(null) }),
  'a list in place of a record': (valid) => Object.values(valid),
  'null in place of a record': () => null,
}

/** Every wrong input is refused before the runtime sees it, and the session goes on. */
export const invalidInputCases: readonly ConformanceCase[] = Object.entries(INVALID_INPUTS).map(([kind, spoil]) =>
  conformanceCase(`refuses ${kind} with INPUT_INVALID`, ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const inputs = spoil(cloneTensors(fixture.goldens[0]!.inputs)) as Tensors
      await rejectsWith(['INPUT_INVALID'], () => session.run(inputs), kind)
      await requireGoldens(session, fixture, `after ${kind}`)
    }),
  ),
)
