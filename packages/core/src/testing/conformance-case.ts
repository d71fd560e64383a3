import type { Backend } from '../backend.ts'
import { carriedGoldens } from './carried-goldens.ts'
import { ConformanceError, describeError } from './conformance-error.ts'
import type { BackendFeatures } from './features.ts'
import type { ConformanceFixture, FixtureTrait, LoadedFixture } from './fixture.ts'

/** A trait of the fixture, a fact of the backend, or `unsupported-dtype`: the fixture has a dtype that the backend lacks. */
export type Need = FixtureTrait | 'offThread' | 'readsFiles' | 'unsupported-dtype'

/** What a case is run against. */
export interface ConformanceContext {
  readonly backend: Backend
  readonly features: BackendFeatures
  /** Milliseconds until a case that has not ended fails. Default 20,000. */
  readonly timeoutMs?: number | undefined
  /** Milliseconds that the slow fixture should take: long against one turn of the loop. Default 120. */
  readonly slowMs?: number | undefined
}

/** One rule of the contract. It applies where all of `needs` are there. */
export interface ConformanceCase {
  readonly name: string
  readonly needs: readonly Need[]
  /** @throws ConformanceError when the backend breaks the rule, or does not settle within the context's `timeoutMs` */
  run(context: ConformanceContext, fixture: ConformanceFixture): Promise<void>
}

const DEFAULT_TIMEOUT_MS = 20_000

/**
 * Makes a case of a check.
 *
 * @param check - throws when the rule is broken; an error that is not a ConformanceError is turned into one
 */
export function conformanceCase(
  name: string,
  needs: readonly Need[],
  check: (context: ConformanceContext, fixture: LoadedFixture) => Promise<void>,
): ConformanceCase {
  return {
    name,
    needs,
    async run(context, fixture) {
      const timeoutMs = context.timeoutMs ?? DEFAULT_TIMEOUT_MS
      const subject = `${name} (${fixture.name})`
      let timer: ReturnType<typeof setTimeout> | undefined
      const expiry = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new ConformanceError(subject, `an end within ${timeoutMs} ms`, 'none: the backend hangs')),
          timeoutMs,
        )
      })
      try {
        await Promise.race([check(context, carriedGoldens(await fixture.load(), context.features)), expiry])
      } catch (error) {
        if (error instanceof ConformanceError) throw error
        throw new ConformanceError(subject, 'no error', describeError(error), { cause: error })
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
