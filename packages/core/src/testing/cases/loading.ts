import type { Artifact, Progress } from '../../backend.ts'
import { type ErrorCode, TensorferryError } from '../../errors.ts'
import { type ConformanceCase, conformanceCase } from '../conformance-case.ts'
import { ConformanceError } from '../conformance-error.ts'
import { cloneTensors } from '../embedded.ts'
import type { LoadedFixture } from '../fixture.ts'
import { ANY_CODE, outcome, rejectsWith, requireRejection } from '../outcome.ts'
import { requireGoldens, sourceOf, withSession } from '../session-use.ts'

/** The fixture with another way to read its first file. */
function withBytes({ artifact }: LoadedFixture, bytes: Artifact['files'][0]['bytes']): Artifact {
  const [first, ...others] = artifact.files
  return { ...artifact, files: [{ ...first, bytes }, ...others] }
}

const PHASES: readonly Progress['phase'][] = ['download', 'verify', 'load', 'warmup']

/** `createSession`: cancelling, progress, and models that this backend cannot have. */
export const loadingCases: readonly ConformanceCase[] = [
  conformanceCase(
    'createSession rejects with ABORTED when the signal has fired before',
    ['general'],
    async (context, fixture) => {
      const source = sourceOf(context, fixture)
      const signal = AbortSignal.abort()
      await rejectsWith(['ABORTED'], () => context.backend.createSession(source, { signal }), 'createSession')
      await withSession(context, fixture, (session) => requireGoldens(session, fixture, 'after the abort'))
    },
  ),

  conformanceCase(
    'createSession rejects with ABORTED when the signal fires while it loads',
    ['general', 'readsFiles'],
    async (context, fixture) => {
      const controller = new AbortController()
      const artifact = withBytes(fixture, async () => {
        controller.abort()
        return fixture.artifact.files[0].bytes()
      })
      const { signature } = fixture
      const create = () => context.backend.createSession({ artifact, signature }, { signal: controller.signal })
      await rejectsWith(['ABORTED'], create, 'createSession')
      await withSession(context, fixture, (session) => requireGoldens(session, fixture, 'after the abort'))
    },
  ),

  conformanceCase(
    'createSession rejects with TIMED_OUT when the file never comes',
    ['general', 'readsFiles'],
    async (context, fixture) => {
      const artifact = withBytes(fixture, () => new Promise(() => {}))
      const { signature } = fixture
      const create = () => context.backend.createSession({ artifact, signature }, { timeoutMs: 20 })
      await rejectsWith(['TIMED_OUT'], create, 'createSession')
    },
  ),

  conformanceCase(
    'createSession passes on the error of a file that cannot be read',
    ['general', 'readsFiles'],
    async (context, fixture) => {
      for (const code of ['NOT_FOUND', 'INTEGRITY_FAILED', 'DOWNLOAD_FAILED'] satisfies ErrorCode[]) {
        const artifact = withBytes(fixture, async () => {
          throw new TensorferryError(code, 'model: provoked by the conformance kit')
        })
        const { signature } = fixture
        await rejectsWith([code], () => context.backend.createSession({ artifact, signature }), `a file with ${code}`)
      }
    },
  ),

  conformanceCase(
    'createSession without an artifact rejects',
    ['general', 'readsFiles'],
    async ({ backend }, { signature }) => {
      const codes: ErrorCode[] = ['NOT_FOUND', 'OPTIONS_INVALID', 'FORMAT_UNSUPPORTED', 'BACKEND_INCOMPATIBLE']
      await rejectsWith(codes, () => backend.createSession({ signature }), 'createSession without an artifact')
    },
  ),

  conformanceCase(
    'refuses an artifact of a format it does not list',
    ['general', 'readsFiles'],
    async (context, fixture) => {
      const formats = ['onnx', 'torchscript', 'aot-inductor'] as const
      for (const format of formats.filter((known) => !context.backend.formats.includes(known))) {
        const artifact = { ...fixture.artifact, format }
        const create = () => context.backend.createSession({ artifact, signature: fixture.signature })
        await rejectsWith(['FORMAT_UNSUPPORTED', 'BACKEND_INCOMPATIBLE'], create, `an artifact said to be ${format}`)
      }
    },
  ),

  conformanceCase(
    'refuses a signature whose names the model lacks',
    ['self-describing', 'readsFiles'],
    async (context, fixture) => {
      const { artifact, signature } = fixture
      const [first, ...others] = signature.inputs
      const wrong = { ...signature, inputs: [{ ...first!, name: 'no_such_input' }, ...others] }
      const { [first!.name]: value, ...inputs } = cloneTensors(fixture.goldens[0]!.inputs)
      // At load if the backend looks, at the first run at the latest.
      const ended = await outcome(async () => {
        const session = await context.backend.createSession({ artifact, signature: wrong })
        try {
          return await session.run({ ...inputs, no_such_input: value! })
        } finally {
          await session.dispose()
        }
      })
      requireRejection(ended, ANY_CODE, 'a signature with a name of its own')
    },
  ),

  conformanceCase('takes a progress callback', ['general'], async (context, fixture) => {
    const reports: Progress[] = []
    await withSession(context, fixture, (session) => requireGoldens(session, fixture), {
      onProgress: (progress) => reports.push(progress),
    })
    for (const { phase, loaded, total } of reports) {
      const fits = PHASES.includes(phase) && loaded >= 0 && (total === null || loaded <= total)
      if (!fits) {
        throw new ConformanceError(
          'progress',
          'a phase, and loaded up to total',
          JSON.stringify({ phase, loaded, total }),
        )
      }
    }
  }),

  conformanceCase(
    'refuses a model whose second file is missing',
    ['external-files', 'readsFiles'],
    async (context, fixture) => {
      const { artifact, signature } = fixture
      const alone: Artifact = { ...artifact, files: [artifact.files[0]] }
      const codes: ErrorCode[] = ['NOT_FOUND', 'BUNDLE_INVALID', 'FORMAT_UNSUPPORTED']
      const error = await rejectsWith(
        codes,
        () => context.backend.createSession({ artifact: alone, signature }),
        'a model without its second file',
      )
      const { path } = artifact.files[1]!
      if (!error.message.includes(path)) throw new ConformanceError('the message', `the name ${path}`, error.message)
    },
  ),

  conformanceCase('refuses a dtype that it lacks', ['unsupported-dtype', 'readsFiles'], async (context, fixture) => {
    const ended = await outcome(() =>
      withSession(context, fixture, (session) => session.run(cloneTensors(fixture.goldens[0]!.inputs))),
    )
    requireRejection(ended, ['BACKEND_INCOMPATIBLE', 'FORMAT_UNSUPPORTED'], `a model with ${fixture.name}`)
  }),

  conformanceCase(
    'refuses an output whose dtype the SDK lacks',
    ['unknown-dtype', 'readsFiles'],
    async (context, fixture) => {
      const { artifact, signature } = fixture
      for (const source of [{ artifact, signature }, { artifact }]) {
        const ended = await outcome(async () => {
          const session = await context.backend.createSession(source)
          try {
            return await session.run(cloneTensors(fixture.goldens[0]!.inputs))
          } finally {
            await session.dispose()
          }
        })
        const subject = source.signature ? 'a model with a signature' : 'a bare file'
        requireRejection(ended, ['BACKEND_INCOMPATIBLE', 'FORMAT_UNSUPPORTED'], subject)
      }
    },
  ),
]
