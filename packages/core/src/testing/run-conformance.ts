import type { Backend } from '../backend.ts'
import { throwIfAborted } from '../call.ts'
import { reasonToSkip, suits } from './applicable.ts'
import { conformanceCases } from './cases/index.ts'
import type { ConformanceCase } from './conformance-case.ts'
import { describeError } from './conformance-error.ts'
import type { BackendFeatures } from './features.ts'
import type { ConformanceFixture } from './fixture.ts'

/** How one case ended on one fixture. */
export interface ConformanceResult {
  readonly case: string
  /** null: no fixture at hand has what the case needs. */
  readonly fixture: string | null
  readonly status: 'passed' | 'failed' | 'skipped'
  /** Why it failed or was skipped. */
  readonly reason: string | null
  readonly milliseconds: number
}

/** Plain data, for a page, a CLI or JSON. */
export interface ConformanceReport {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly results: readonly ConformanceResult[]
}

/** What {@link runConformance} takes. */
export interface ConformanceOptions {
  /** The backend, or how to make the one for a fixture: a server's client names the model it asks for. */
  readonly backend: Backend | ((fixture: ConformanceFixture) => Backend | Promise<Backend>)
  readonly features: BackendFeatures
  readonly fixtures: readonly ConformanceFixture[]
  /** Default: all of them. */
  readonly cases?: readonly ConformanceCase[] | undefined
  /** Milliseconds until a case that has not ended counts as failed. Default 20,000. */
  readonly timeoutMs?: number | undefined
  /** Ends the whole run with `ABORTED` before the next case. */
  readonly signal?: AbortSignal | undefined
  /** Told of each result as it comes. */
  readonly onResult?: ((result: ConformanceResult) => void) | undefined
}

/**
 * Runs the cases one after the other, without a test framework. A backend that hangs fails its case and the run goes on.
 *
 * @throws TensorferryError `ABORTED`
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const { features, fixtures, cases = conformanceCases, timeoutMs, signal, onResult } = options
  const results: ConformanceResult[] = []
  const add = (result: ConformanceResult): void => {
    results.push(result)
    onResult?.(result)
  }
  for (const fixture of fixtures) {
    for (const rule of cases) {
      if (!suits(rule, fixture, features)) continue
      throwIfAborted({ signal })
      const skipped = reasonToSkip(rule, fixture, features)
      if (skipped !== null) {
        add({ case: rule.name, fixture: fixture.name, status: 'skipped', reason: skipped, milliseconds: 0 })
        continue
      }
      const begin = performance.now()
      let failure: string | null = null
      try {
        const backend = typeof options.backend === 'function' ? await options.backend(fixture) : options.backend
        await rule.run({ backend, features, timeoutMs }, fixture)
      } catch (error) {
        failure = error instanceof Error ? error.message : describeError(error)
      }
      add({
        case: rule.name,
        fixture: fixture.name,
        status: failure === null ? 'passed' : 'failed',
        reason: failure,
        milliseconds: performance.now() - begin,
      })
    }
  }
  for (const rule of cases) {
    if (fixtures.some((fixture) => suits(rule, fixture, features))) continue
    const reason = `no fixture has ${rule.needs.join(', ')}`
    add({ case: rule.name, fixture: null, status: 'skipped', reason, milliseconds: 0 })
  }
  const count = (status: ConformanceResult['status']): number =>
    results.filter((result) => result.status === status).length
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped'), results }
}
