import { describe, expect, test } from 'vitest'
import {
  type BrokenBackend,
  brokenBackends,
  casesFor,
  conformanceCases,
  referenceBackend,
  referenceFeatures,
  referenceFixtures,
  runConformance,
} from '../../src/testing/index.ts'

describe('the reference backend keeps every rule', () => {
  test('of every case, none skipped but for the dtype it lacks', async () => {
    const report = await runConformance({
      backend: referenceBackend,
      features: referenceFeatures,
      fixtures: referenceFixtures,
    })
    expect(report.results.filter(({ status }) => status === 'failed')).toEqual([])
    const passed = new Set(report.results.filter(({ status }) => status === 'passed').map((result) => result.case))
    expect([...passed].sort()).toEqual(conformanceCases.map(({ name }) => name).sort())
    const skipped = report.results.filter(({ status }) => status === 'skipped')
    expect(new Set(skipped.map(({ reason }) => reason))).toEqual(new Set(['the backend lacks bfloat16']))
  }, 30_000)
})

/** Runs every case and gives the messages of those that fail. */
async function failuresOf({ create }: BrokenBackend): Promise<Map<string, string>> {
  const failures = new Map<string, string>()
  for (const fixture of referenceFixtures) {
    for (const { name, run } of casesFor(fixture, referenceFeatures)) {
      const context = { backend: create(), features: referenceFeatures, timeoutMs: 3000, slowMs: 30 }
      await run(context, fixture).catch((error: Error) => failures.set(name, `${error.name}: ${error.message}`))
    }
  }
  return failures
}

async function expectExactly(broken: BrokenBackend): Promise<void> {
  const failures = await failuresOf(broken)
  const messages = JSON.stringify(Object.fromEntries(failures), null, 2)
  expect([...failures.keys()].sort(), messages).toEqual([...broken.breaks].sort())
  for (const message of failures.values()) expect(message).toMatch(/^ConformanceError: /)
}

describe('a broken backend fails exactly the cases of its rule', () => {
  test.concurrent.each(brokenBackends.filter(({ blocks }) => !blocks))('$name', expectExactly, 60_000)
})

describe('and so does one that holds up the thread', () => {
  test.each(brokenBackends.filter(({ blocks }) => blocks))('$name', expectExactly, 60_000)
})

test('every case fails on at least one of them', () => {
  const found = new Set(brokenBackends.flatMap(({ breaks }) => breaks))
  expect(conformanceCases.map(({ name }) => name).filter((name) => !found.has(name))).toEqual([])
})
