import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { ConformanceError } from '../conformance-error.ts'
import { cloneTensors } from '../embedded.ts'
import { rejectsWith, requireRejection } from '../outcome.ts'
import { requireGoldens, withSession } from '../session-use.ts'
import { everSlowerRuns, slowRuns } from '../slow-runs.ts'
import { AT_ONCE, settlesAtOnce } from '../turns.ts'

/** `signal` and `timeoutMs` of a run. */
export const cancellationCases: readonly ConformanceCase[] = [
  conformanceCase('rejects with ABORTED when the signal has fired before', ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const inputs = cloneTensors(fixture.goldens[0]!.inputs)
      await rejectsWith(['ABORTED'], () => session.run(inputs, { signal: AbortSignal.abort() }), 'run')
      await requireGoldens(session, fixture, 'after the abort')
    }),
  ),

  conformanceCase('takes a signal and a time limit that are not needed', ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const controller = new AbortController()
      const inputs = cloneTensors(fixture.goldens[0]!.inputs)
      await session.run(inputs, { signal: controller.signal, timeoutMs: 60_000 })
      controller.abort()
      await requireGoldens(session, fixture, 'after an abort that came too late')
    }),
  ),

  conformanceCase('an abort settles a run in progress at once', ['slow', 'offThread'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      for await (const slow of everSlowerRuns(session, context)) {
        const controller = new AbortController()
        const run = slow.start(1, { signal: controller.signal })
        if (await settlesAtOnce(run)) continue
        controller.abort()
        if (!(await settlesAtOnce(run))) {
          throw new ConformanceError('an aborted run', `an end within ${AT_ONCE} turns of the loop`, 'none')
        }
        requireRejection(await run, ['ABORTED'], 'an aborted run')
        await requireGoldens(session, fixture, 'after the abort')
        return
      }
      throw new ConformanceError('a slow run', `to be in progress after ${AT_ONCE} turns of the loop`, 'its end')
    }),
  ),

  conformanceCase('an abort settles a waiting run at once and leaves the others', ['slow'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const slow = await slowRuns(session, context)
      const controller = new AbortController()
      const others = [1, 2, 3, 4].map((seed) => slow.start(seed))
      const waiting = slow.start(5, { signal: controller.signal })
      controller.abort()
      if (!(await settlesAtOnce(waiting)) && context.features.offThread) {
        throw new ConformanceError('an aborted run that waits', `an end within ${AT_ONCE} turns of the loop`, 'none')
      }
      requireRejection(await waiting, ['ABORTED'], 'an aborted run that waits')
      for (const [index, other] of (await Promise.all(others)).entries()) {
        if (other.status !== 'fulfilled') throw other.error
        slow.check(other.value, index + 1)
      }
    }),
  ),

  conformanceCase('rejects with TIMED_OUT when the time is up', ['slow', 'offThread'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const slow = await slowRuns(session, context)
      requireRejection(await slow.start(1, { timeoutMs: 1 }), ['TIMED_OUT'], 'a run longer than its timeoutMs')
      await requireGoldens(session, fixture, 'after the time-out')
    }),
  ),

  conformanceCase('refuses a timeoutMs that is no time with OPTIONS_INVALID', ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      const inputs = cloneTensors(fixture.goldens[0]!.inputs)
      for (const timeoutMs of [0, -1, Number.NaN]) {
        await rejectsWith(['OPTIONS_INVALID'], () => session.run(inputs, { timeoutMs }), `timeoutMs ${timeoutMs}`)
      }
      await requireGoldens(session, fixture, 'after a refused timeoutMs')
    }),
  ),
]
