import type { Tensors } from '../../tensor.ts'
import { tensor } from '../../tensor.ts'
import { requireEqualTensors } from '../compare.ts'
import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { ConformanceError } from '../conformance-error.ts'
import { requireGoldens, sourceOf, withSession } from '../session-use.ts'
import { everSlowerRuns } from '../slow-runs.ts'

const CALLERS = 8
/** A runtime that blocks leaves one or two before it begins. */
const TURNS_DURING_A_RUN = 5

function inputsOf(caller: number): Tensors {
  // The callers' sizes differ too: a mix-up shows in the shape at the latest.
  const batch = 1 + (caller % 4)
  const fill = (length: number, scale: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length }, (_, index) => caller * 100 + index * scale)
  return {
    input: tensor('float32', fill(batch * 2, 1), [batch, 2]),
    offset: tensor('float32', fill(batch, 0.5), [batch, 1]),
    pairs: tensor('float32', fill(2 * batch, 0.25), [2 * batch]),
  }
}

/** Several callers, several sessions, and the caller's own thread. */
export const concurrencyCases: readonly ConformanceCase[] = [
  conformanceCase('gives 8 concurrent runs the answers of serial ones', ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const callers = Array.from({ length: CALLERS }, (_, caller) => caller)
      const serial: Tensors[] = []
      for (const caller of callers) serial.push(await session.run(inputsOf(caller)))
      const concurrent = await Promise.all(callers.map((caller) => session.run(inputsOf(caller))))
      for (const caller of callers) {
        requireEqualTensors(concurrent[caller]!, serial[caller]!, `concurrent run ${caller}`)
      }
    }),
  ),

  conformanceCase('keeps two sessions apart', ['general'], async (context, fixture) => {
    const source = sourceOf(context, fixture)
    const [first, second] = await Promise.all([
      context.backend.createSession(source),
      context.backend.createSession(source),
    ])
    const [one, two] = await Promise.all([first.run(inputsOf(1)), second.run(inputsOf(2))])
    requireEqualTensors(await first.run(inputsOf(2)), two, 'the sessions on one input')
    requireEqualTensors(await second.run(inputsOf(1)), one, 'the sessions on one input')
    await first.dispose()
    await requireGoldens(second, fixture, 'after the other session was disposed')
    await second.dispose()
  }),

  conformanceCase("lets the caller's loop turn while a slow run is on", ['slow', 'offThread'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      let count = 0
      for await (const slow of everSlowerRuns(session, context)) {
        let running = true
        const run = slow.start(1).finally(() => {
          running = false
        })
        // By timers, a millisecond apart: a runtime that waits for a quick turn and then blocks would pass by setImmediate.
        for (count = 0; running; count++) await new Promise((resolve) => setTimeout(resolve, 1))
        const ended = await run
        if (ended.status !== 'fulfilled') throw ended.error
        slow.check(ended.value, 1)
        if (count >= TURNS_DURING_A_RUN) return
      }
      throw new ConformanceError('turns of the loop during a slow run', `at least ${TURNS_DURING_A_RUN}`, `${count}`)
    }),
  ),
]
