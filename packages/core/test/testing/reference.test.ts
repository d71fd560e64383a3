import { expect, test } from 'vitest'
import { referenceBackend, referenceFeatures, referenceFixtures, runConformance } from '../../src/testing/index.ts'

test('the reference backend keeps every rule, and every rule is asked', async () => {
  const report = await runConformance({
    backend: referenceBackend,
    features: referenceFeatures,
    fixtures: referenceFixtures,
  })
  expect(report.results.filter(({ status }) => status === 'failed')).toEqual([])
  const skipped = report.results.filter(({ status }) => status === 'skipped')
  expect(new Set(skipped.map(({ reason }) => reason))).toEqual(new Set(['the backend lacks bfloat16']))
  expect(report.passed + report.skipped).toBe(report.results.length)
}, 60_000)
