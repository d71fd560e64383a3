// The guide's figures are those of the committed results.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
// @ts-expect-error plain JavaScript
import { guideTables, withFigures } from '../benchmarks/why-cpp/tables.mjs'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

test('why-was-cpp-slower.md shows what pnpm bench why-cpp wrote', () => {
  const guide = read('docs/guides/why-was-cpp-slower.md')
  expect(withFigures(guide, guideTables(JSON.parse(read('benchmarks/results/why-cpp.json'))))).toBe(guide)
  expect(guide).toMatch(/\| nothing wrong \| [\d.]+ [µm]s \| [\d.]+ [µm]s, \*\*× [\d.]+\*\*/)
})
