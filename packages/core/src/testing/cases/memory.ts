import { type Tensor, type Tensors, tensor } from '../../tensor.ts'
import { requireEqualTensors } from '../compare.ts'
import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { ConformanceError } from '../conformance-error.ts'
import { cloneTensors } from '../embedded.ts'
import { requireGoldens, withSession } from '../session-use.ts'

/** Overwrites numbers in place; strings are frozen by type. */
function overwrite(value: Tensor | undefined, number: number): void {
  if (value?.dtype === 'float32') value.data.fill(number)
}

/** Inputs stay the caller's and unchanged, outputs become the caller's alone. */
export const memoryCases: readonly ConformanceCase[] = [
  conformanceCase('leaves its inputs unchanged', ['goldens'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      for (const golden of fixture.goldens) {
        const inputs = cloneTensors(golden.inputs)
        for (const value of Object.values(inputs)) Object.freeze(Object.freeze(value).shape)
        await session.run(Object.freeze(inputs))
        // A detached buffer shows as an array without elements.
        requireEqualTensors(inputs, golden.inputs, `inputs of ${golden.name} after the run`)
      }
    }),
  ),

  conformanceCase('reads an input that is a view into a larger buffer', ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const golden = fixture.goldens[0]!
      const around = new Map<string, Float32Array>()
      const inputs = Object.fromEntries(
        Object.entries(golden.inputs).map(([name, value]) => {
          const buffer = new Float32Array(value.data.length + 8).fill(99)
          buffer.set(value.data as Float32Array, 3)
          around.set(name, buffer)
          return [name, tensor('float32', buffer.subarray(3, 3 + value.data.length), value.shape)]
        }),
      )
      requireEqualTensors(await session.run(inputs), golden.outputs, 'run on views')
      requireEqualTensors(inputs, golden.inputs, 'views after the run')
      for (const [name, buffer] of around) {
        const neighbours = [...buffer.slice(0, 3), ...buffer.slice(-5)]
        if (neighbours.length !== 8 || neighbours.some((value) => value !== 99)) {
          throw new ConformanceError(`the buffer around ${name}`, 'no change', neighbours.join(', '))
        }
      }
    }),
  ),

  conformanceCase('computes with the inputs as they were when run was called', ['aliases'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      // More runs than a pool has places: those that wait must have been copied too.
      const input = tensor('float32', new Float32Array(4), [4])
      const pending: Promise<Tensors>[] = []
      for (let run = 1; run <= 12; run++) {
        input.data.fill(run)
        pending.push(session.run({ input }))
      }
      input.data.fill(-1)
      const outputs = await Promise.all(pending)
      outputs.forEach((received, index) => {
        const filled = (value: number): Tensor => tensor('float32', new Float32Array(4).fill(value), [4])
        const run = index + 1
        requireEqualTensors(
          received,
          { same: filled(run), again: filled(run), doubled: filled(2 * run) },
          `run ${run}, whose array was changed after the call`,
        )
      })
    }),
  ),

  conformanceCase('gives outputs that share memory with nothing', ['aliases'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const [first, second] = fixture.goldens
      const inputs = cloneTensors(first!.inputs)
      const outputs = await session.run(inputs)
      const untouched = { ...cloneTensors(first!.outputs) }
      for (const name of Object.keys(outputs)) {
        overwrite(outputs[name], -7)
        overwrite(untouched[name], -7)
        requireEqualTensors(outputs, untouched, `outputs after ${name} was overwritten, in`)
        requireEqualTensors(inputs, first!.inputs, `inputs after ${name} was overwritten, in`)
      }
      const later = await session.run(cloneTensors(second!.inputs))
      requireEqualTensors(outputs, untouched, 'outputs after a later run, in')
      requireEqualTensors(later, second!.outputs, 'a run after outputs were overwritten, in')
      await requireGoldens(session, fixture, 'after outputs were overwritten')
      requireEqualTensors(later, second!.outputs, 'outputs after later runs, in')
    }),
  ),
]
