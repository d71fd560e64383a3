// The guides' figures are those of the committed results.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
// @ts-expect-error plain JavaScript
import { readResults } from '../benchmarks/server/guide.mjs'
// @ts-expect-error plain JavaScript
import { guideTables as scalingTables, withFigures as withScalingFigures } from '../benchmarks/server/tables.mjs'
// @ts-expect-error plain JavaScript
import { guideTables, withFigures } from '../benchmarks/why-cpp/tables.mjs'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

test('why-was-cpp-slower.md shows what pnpm bench why-cpp wrote', () => {
  const guide = read('docs/guides/why-was-cpp-slower.md')
  expect(withFigures(guide, guideTables(JSON.parse(read('benchmarks/results/why-cpp.json'))))).toBe(guide)
  expect(guide).toMatch(/\| nothing wrong \| [\d.]+ [µm]s \| [\d.]+ [µm]s, \*\*× [\d.]+\*\*/)
})

test('scaling.md shows what pnpm bench wrote', () => {
  const guide = read('docs/guides/scaling.md')
  const results = readResults()
  expect(withScalingFigures(guide, scalingTables(results))).toBe(guide)
  expect(guide).toMatch(/\| the network alone: ResNet-18, backend-libtorch \| [\d.]+ \| [\d.]+ \| [\d.]+ \|/)
  // A figure that is not there yet is called that, and a result that came is shown.
  expect(guide.includes('not measured yet')).toBe(results.server === null || results.soak === null)
})
