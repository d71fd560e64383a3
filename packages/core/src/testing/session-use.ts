import type { LoadOptions, Session, SessionSource } from '../backend.ts'
import { requireEqualTensors } from './compare.ts'
import type { ConformanceContext } from './conformance-case.ts'
import { cloneTensors } from './embedded.ts'
import type { Golden, LoadedFixture } from './fixture.ts'

/** What the backend is asked to load: the files where it reads them, always the signature. */
export function sourceOf({ features }: ConformanceContext, { artifact, signature }: LoadedFixture): SessionSource {
  return features.readsFiles ? { artifact, signature } : { signature }
}

/** Gives a session and disposes it after use. */
export async function withSession<T>(
  context: ConformanceContext,
  fixture: LoadedFixture,
  use: (session: Session) => Promise<T>,
  options?: LoadOptions,
): Promise<T> {
  const session = await context.backend.createSession(sourceOf(context, fixture), options)
  let result: T
  try {
    result = await use(session)
  } catch (error) {
    // Not awaited: a backend that broke one rule may hang here, and the first finding is the one to report.
    Promise.resolve()
      .then(() => session.dispose())
      .catch(() => {})
    throw error
  }
  await session.dispose()
  return result
}

/** Runs one golden and compares. */
export async function requireGolden(session: Session, golden: Golden, subject = golden.name): Promise<void> {
  requireEqualTensors(await session.run(cloneTensors(golden.inputs)), golden.outputs, subject)
}

/** Runs all goldens in their order and compares. */
export async function requireGoldens(session: Session, fixture: LoadedFixture, subject = 'golden'): Promise<void> {
  for (const golden of fixture.goldens) await requireGolden(session, golden, `${subject} ${golden.name}`)
}
