import { requireEqualTensors } from '../compare.ts'
import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { ConformanceError } from '../conformance-error.ts'
import { cloneTensors } from '../embedded.ts'
import { rejectsWith, requireRejection } from '../outcome.ts'
import { requireGoldens, sourceOf, withSession } from '../session-use.ts'
import { slowRuns } from '../slow-runs.ts'
import { AT_ONCE, settlesAtOnce, turns } from '../turns.ts'

/** The end of a session, states, and failures inside the runtime. */
export const lifecycleCases: readonly ConformanceCase[] = [
  conformanceCase(
    'dispose may be called twice, one after the other and at once',
    ['general'],
    async (context, fixture) => {
      const session = await context.backend.createSession(sourceOf(context, fixture))
      await requireGoldens(session, fixture)
      await Promise.all([session.dispose(), session.dispose()])
      await session.dispose()
      const unused = await context.backend.createSession(sourceOf(context, fixture))
      await unused.dispose()
    },
  ),

  conformanceCase('run after dispose rejects with SESSION_DISPOSED', ['general'], async (context, fixture) => {
    const session = await context.backend.createSession(sourceOf(context, fixture))
    const inputs = cloneTensors(fixture.goldens[0]!.inputs)
    const disposed = session.dispose()
    await rejectsWith(['SESSION_DISPOSED'], () => session.run(inputs), 'run while dispose is on')
    await disposed
    await rejectsWith(['SESSION_DISPOSED'], () => session.run(inputs), 'run after dispose')
    if (session.reset) await rejectsWith(['SESSION_DISPOSED'], () => session.reset!(), 'reset after dispose')
  }),

  conformanceCase(
    'dispose lets runs in progress end and settles those that wait',
    ['slow'],
    async (context, fixture) => {
      const session = await context.backend.createSession(sourceOf(context, fixture))
      const slow = await slowRuns(session, context)
      const seeds = [1, 2, 3, 4, 5, 6]
      const pending = seeds.map((seed) => slow.start(seed))
      await turns(AT_ONCE)
      await session.dispose()
      if (!(await settlesAtOnce(Promise.all(pending)))) {
        throw new ConformanceError('the runs of a disposed session', 'an end of every one', 'some that hang')
      }
      const outcomes = await Promise.all(pending)
      const [first] = outcomes
      if (first!.status !== 'fulfilled') throw first!.error
      for (const [index, ended] of outcomes.entries()) {
        if (ended.status === 'fulfilled') slow.check(ended.value, seeds[index]!)
        else requireRejection(ended, ['SESSION_DISPOSED'], `waiting run ${seeds[index]}`)
      }
    },
  ),

  conformanceCase('a state that is fed back gives the whole stream', ['states'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      for (const stream of ['first', 'second']) {
        let states = Object.fromEntries(
          fixture.signature.states.map(({ input }) => [input, fixture.goldens[0]!.inputs[input]!]),
        )
        for (const golden of fixture.goldens) {
          const outputs = await session.run({ ...cloneTensors(golden.inputs), ...cloneTensors(states) })
          requireEqualTensors(outputs, golden.outputs, `${stream} stream, ${golden.name}`)
          states = Object.fromEntries(fixture.signature.states.map(({ input, output }) => [input, outputs[output]!]))
        }
      }
    }),
  ),

  conformanceCase('reset brings a model back to its first state', ['inner-state'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      if (!session.reset) throw new ConformanceError('a session of a model that remembers', 'reset', 'none')
      await requireGoldens(session, fixture, 'first')
      await session.reset()
      await requireGoldens(session, fixture, 'after reset')
    }),
  ),

  conformanceCase('a failure inside the runtime rejects with RUNTIME_FAILED', ['runtime-failure'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      await rejectsWith(['RUNTIME_FAILED'], () => session.run(cloneTensors(fixture.failing!)), 'failing inputs')
    }),
  ),

  conformanceCase('a session goes on after its runtime has failed', ['runtime-failure'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      // Among good runs, and more than a pool has places.
      const failures = Array.from({ length: 4 }, () => session.run(cloneTensors(fixture.failing!)).catch(() => {}))
      await Promise.all([...failures, requireGoldens(session, fixture, 'beside failures')])
      await requireGoldens(session, fixture, 'after failures')
    }),
  ),
]
