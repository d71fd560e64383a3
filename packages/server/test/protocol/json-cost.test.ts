import { describe, expect, test } from 'vitest'
import { requireBearable, valueBytes } from '../../src/protocol/json-cost.ts'

const cost = (text: string): number => valueBytes(Buffer.from(text))

describe('what JSON unfolds to', () => {
  test('counts values, arrays, objects and strings, not what is inside strings', () => {
    expect(cost('1')).toBe(32)
    expect(cost('[1,2,-3.5e7]')).toBe(32 + 48 + 2 * 32)
    expect(cost('[[],[]]')).toBe(32 + 3 * 48 + 32)
    expect(cost('{"a":{}}')).toBe(32 + 2 * 120 + 48 + 2 * 2)
    expect(cost('"[{,\\"[,"')).toBe(32 + 48 + 2 * 8)
    expect(cost('"\\\\",1')).toBe(32 + 48 + 2 * 3 + 32)
    expect(cost('"without an end')).toBe(32 + 48 + 2 * 14)
  })

  test('is no less than the heap that V8 takes', () => {
    for (const unit of ['{},', '[],', '[[]],', '{"a":1},', '0.5,', '"ab",', '[1,2,3],']) {
      const text = `[${unit.repeat(200_000)}1]`
      const before = process.memoryUsage().heapUsed
      const parsed = JSON.parse(text) as unknown[]
      const taken = process.memoryUsage().heapUsed - before
      expect(parsed).toHaveLength(200_001)
      expect(taken, unit).toBeLessThan(cost(text))
    }
  })

  test('what takes too much is refused', () => {
    const body = Buffer.from(`[${'{},'.repeat(10_000)}1]`)
    expect(() => requireBearable(body)).not.toThrow()
    expect(() => requireBearable(body, 2 ** 20)).toThrow('would take about 2 MiB of memory, at most 1 are granted')
  })
})
