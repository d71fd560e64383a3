import { ERRORS } from '../../errors.ts'
import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { ConformanceError } from '../conformance-error.ts'
import { rejectsWith } from '../outcome.ts'
import { requireGoldens, withSession } from '../session-use.ts'

function requireText(value: unknown, subject: string): void {
  if (typeof value !== 'string' || value.trim() === '') throw new ConformanceError(subject, 'a text', String(value))
}

/** What a backend says of itself before it loads anything. */
export const backendCases: readonly ConformanceCase[] = [
  conformanceCase(
    'the backend states apiVersion 1, its name and its formats',
    ['general'],
    async (context, fixture) => {
      const { apiVersion, name, formats } = context.backend
      if (apiVersion !== 1) throw new ConformanceError('apiVersion', '1', String(apiVersion))
      requireText(name, 'name')
      const { format } = fixture.artifact
      const fits =
        Array.isArray(formats) && (context.features.readsFiles ? formats.includes(format) : formats.length === 0)
      if (!fits) {
        const expected = context.features.readsFiles ? `a list with ${format}` : 'an empty list, as it reads no files'
        throw new ConformanceError('formats', expected, JSON.stringify(formats))
      }
    },
  ),

  conformanceCase(
    'probe answers, again and again, and sessions load after it',
    ['general'],
    async (context, fixture) => {
      for (let i = 0; i < 2; i++) {
        const answer = await context.backend.probe()
        if (answer?.available === true) continue
        if (answer?.available !== false) {
          throw new ConformanceError('probe', '{ available: true } or why not', JSON.stringify(answer))
        }
        const { code, reason, hint } = answer
        if (!Object.hasOwn(ERRORS, code)) throw new ConformanceError('probe code', 'an error code of the SDK', code)
        requireText(reason, 'probe reason')
        requireText(hint, 'probe hint')
        throw new ConformanceError('probe', 'a backend that can work here', `${code}: ${reason} (${hint})`)
      }
      await withSession(context, fixture, (session) => requireGoldens(session, fixture))
    },
  ),

  conformanceCase('probe rejects with ABORTED when its signal has fired', ['general'], async ({ backend }) => {
    await rejectsWith(['ABORTED'], () => backend.probe({ signal: AbortSignal.abort() }), 'probe')
  }),

  conformanceCase('a session says which runtime it is on', ['general'], (context, fixture) =>
    withSession(context, fixture, async ({ runtime }) => {
      for (const key of ['name', 'version', 'device'] as const) requireText(runtime?.[key], `runtime.${key}`)
      const { provider, threads } = runtime
      if (provider !== null) requireText(provider, 'runtime.provider')
      if (threads !== null && !(Number.isInteger(threads) && threads > 0)) {
        throw new ConformanceError('runtime.threads', 'a positive whole number or null', String(threads))
      }
    }),
  ),

  conformanceCase('a session shows the inputs and outputs of its signature', ['general'], (context, fixture) =>
    withSession(context, fixture, async (session) => {
      for (const side of ['inputs', 'outputs'] as const) {
        const describe = (specs: typeof session.inputs): string =>
          JSON.stringify(specs?.map(({ name, dtype, shape }) => ({ name, dtype, shape })))
        const expected = describe(fixture.signature[side])
        const received = describe(session[side])
        if (received !== expected) throw new ConformanceError(`session.${side}`, expected, received)
      }
    }),
  ),

  conformanceCase(
    'a bare file is described by its runtime and runs',
    ['self-describing', 'readsFiles'],
    async (context, fixture) => {
      const session = await context.backend.createSession({ artifact: fixture.artifact })
      try {
        for (const side of ['inputs', 'outputs'] as const) {
          const describe = (specs: typeof session.inputs): string =>
            specs.map(({ name, dtype, shape }) => `${name}: ${dtype}, ${shape?.length} dimensions`).join('; ')
          const expected = describe(fixture.signature[side])
          const received = describe(session[side])
          if (received !== expected) throw new ConformanceError(`session.${side}`, expected, received)
        }
        await requireGoldens(session, fixture)
      } finally {
        await session.dispose()
      }
    },
  ),
]
