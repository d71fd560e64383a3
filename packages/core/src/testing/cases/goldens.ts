import { type Tensor, tensor } from '../../tensor.ts'
import { requireEqualTensor, requireEqualTensors, requireTensor } from '../compare.ts'
import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { ConformanceError } from '../conformance-error.ts'
import { cloneTensors } from '../embedded.ts'
import { outcome, requireRejection } from '../outcome.ts'
import { requireGolden, requireGoldens, withSession } from '../session-use.ts'

/** What comes out: the right numbers, under the right names, as plain data. */
export const goldenCases: readonly ConformanceCase[] = [
  conformanceCase('equals the goldens', ['goldens'], (context, fixture) =>
    withSession(context, fixture, (session) => requireGoldens(session, fixture)),
  ),

  conformanceCase('takes other sizes on every run', ['dynamic-dims'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      await requireGoldens(session, fixture, 'forwards')
      for (const golden of fixture.goldens.toReversed())
        await requireGolden(session, golden, `backwards ${golden.name}`)
    }),
  ),

  conformanceCase('gives the declared names and dtypes, as plain data', ['goldens'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const outputs = await session.run(cloneTensors(fixture.goldens[0]!.inputs))
      const declared = fixture.signature.outputs.map(({ name }) => name).sort()
      const received = Object.keys(outputs).sort()
      if (declared.join() !== received.join()) {
        throw new ConformanceError('names of the outputs', declared.join(', '), received.join(', ') || 'none')
      }
      for (const { name, dtype } of fixture.signature.outputs) {
        const value: unknown = outputs[name]
        requireTensor(value, name)
        if (dtype !== null && value.dtype !== dtype) throw new ConformanceError(`${name}.dtype`, dtype, value.dtype)
        requirePlain(value, name)
      }
    }),
  ),

  conformanceCase('binds inputs by name, whatever the order of the keys', ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const golden = fixture.goldens[0]!
      const reversed = Object.fromEntries(Object.entries(cloneTensors(golden.inputs)).reverse())
      requireEqualTensors(await session.run(reversed), golden.outputs, 'inputs in reverse order')
    }),
  ),

  conformanceCase('gives the same answer to the same inputs', ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      await requireGoldens(session, fixture, 'first')
      await session.reset?.()
      await requireGoldens(session, fixture, 'again')
    }),
  ),

  conformanceCase('keeps a string whole that holds a NUL, or refuses it', ['strings'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const ended = await outcome(() => session.run({ input: tensor('string', ['a\0b', '\0', 'c'], [1, 3]) }))
      if (ended.status === 'fulfilled') {
        const expected = tensor('string', ['c', '\0', 'a\0b'], [1, 3])
        requireEqualTensor(ended.value.reversed, expected, 'strings with NUL')
      } else {
        requireRejection(ended, ['INPUT_INVALID'], 'strings with NUL')
      }
      await requireGoldens(session, fixture, 'after the NUL')
    }),
  ),
]

/** Plain data crosses a worker as it is: own enumerable dtype, shape and data, and nothing that cannot be cloned. */
function requirePlain(value: Tensor, name: string): void {
  const keys = Object.keys(value).sort().join(', ')
  if (keys !== 'data, dtype, shape') throw new ConformanceError(`keys of ${name}`, 'data, dtype, shape', keys)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new ConformanceError(name, 'a plain object', `an instance of ${value.constructor.name}`)
  }
  let copy: Tensor
  try {
    copy = structuredClone(value)
  } catch (cause) {
    throw new ConformanceError(name, 'data that structuredClone takes', 'data that it refuses', { cause })
  }
  requireEqualTensor(copy, value, `clone of ${name}`)
}
