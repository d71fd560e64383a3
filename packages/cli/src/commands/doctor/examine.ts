import { type Backend, type RuntimeInfo, TensorferryError } from '@tensorferry/core'
import { type ConformanceFixture, fixturesFor } from '@tensorferry/core/testing'
import type { ChosenBackend } from '../../backends/choose.ts'
import { displayName } from '../../backends/known.ts'
import { loadBackend } from '../../backends/load.ts'

/** What became of one backend. */
export interface ExaminedBackend {
  readonly name: string
  readonly package: string
  readonly version: string | null
  readonly path: string | null
  readonly installed: boolean
  readonly usable: boolean
  readonly formats: readonly string[]
  /** Of the tiny model; null: none could be run. */
  readonly runtime: RuntimeInfo | null
  /** Largest absolute error of the tiny model; null: it was not run. */
  readonly error: number | null
  /** Milliseconds to load the runtime and to load the tiny model. */
  readonly milliseconds: number | null
  readonly code: string | null
  readonly reason: string | null
  readonly hint: string | null
}

/** Loads a model of a few hundred bytes and compares what it gives. */
async function tryModel(backend: Backend, fixture: ConformanceFixture, signal: AbortSignal) {
  const { artifact, signature, goldens } = await fixture.load()
  const session = await backend.createSession({ artifact, signature }, { signal })
  try {
    const { inputs, outputs } = goldens[0]!
    const got = await session.run(inputs, { signal })
    let error = 0
    for (const [name, expected] of Object.entries(outputs)) {
      const values = got[name]?.data ?? []
      for (const [index, value] of (expected.data as Float32Array).entries()) {
        const difference = Math.abs(Number(values[index]) - value)
        error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(error, difference)
      }
    }
    return { runtime: session.runtime, error }
  } finally {
    await session.dispose()
  }
}

/** Asks a backend whether it works here, then lets it prove it. */
export async function examine({ found, options }: ChosenBackend, signal: AbortSignal): Promise<ExaminedBackend> {
  const start = performance.now()
  let base = { ...found, installed: true, usable: false, formats: [], runtime: null, error: null, milliseconds: null }
  const refused = (
    code: string,
    reason: string,
    hint: string | null,
    formats: readonly string[] = [],
  ): ExaminedBackend => ({
    ...base,
    formats,
    code,
    reason,
    hint,
  })
  try {
    const backend = await loadBackend(found, options)
    const { formats } = backend
    base = { ...base, name: displayName(found.name, backend.name) }
    const availability = await backend.probe({ signal })
    if (!availability.available) return refused(availability.code, availability.reason, availability.hint, formats)
    const fixture = formats
      .flatMap((format) => fixturesFor(format))
      .find(({ traits }) => traits.includes('general') && traits.includes('goldens'))
    const tried = fixture ? await tryModel(backend, fixture, signal) : { runtime: null, error: null }
    const milliseconds = performance.now() - start
    const facts = { ...base, formats, ...tried, milliseconds }
    if (tried.error !== null && tried.error > 1e-4) {
      return {
        ...facts,
        code: 'VERIFICATION_FAILED',
        reason: `a tiny model is off by ${tried.error}`,
        hint: 'install it again, or use another backend',
      }
    }
    return { ...facts, usable: true, code: null, reason: null, hint: null }
  } catch (error) {
    if (signal.aborted) throw error
    return refused(TensorferryError.is(error) ? error.code : 'RUNTIME_FAILED', (error as Error).message, null)
  }
}
