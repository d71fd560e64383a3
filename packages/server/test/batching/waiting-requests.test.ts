import type { Place } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { type RunLimits, type WaitingRequest, WaitingRequests } from '../../src/batching/waiting-requests.ts'

const LIMITS = { maxRows: 4, maxBytes: 64 }

const request = (since: number, key: string | null, rows = 1, bytes = 8): WaitingRequest => ({
  inputs: {},
  rows,
  bytes,
  key,
  since,
})

/** What it does, said with an array. */
function takeFrom(all: WaitingRequest[], { maxRows, maxBytes }: RunLimits, since: number): WaitingRequest[] {
  for (const first of all) {
    const run: WaitingRequest[] = []
    let isFull = first.key === null
    for (const one of first.key === null ? [first] : all.filter(({ key }) => key === first.key)) {
      const [rows, bytes] = [...run, one].reduce(([r, b], { rows, bytes }) => [r + rows, b + bytes], [0, 0])
      isFull ||= rows >= maxRows || bytes >= maxBytes
      if (run.length > 0 && (rows > maxRows || bytes > maxBytes)) break
      run.push(one)
      if (isFull) break
    }
    if (first.since > since && !isFull) continue
    for (const one of run) all.splice(all.indexOf(one), 1)
    return run
  }
  return []
}

test.each([1, 3, 100])('requests of %d keys come, leave and run as in a list', (keys) => {
  let state = keys
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const waiting = new WaitingRequests<WaitingRequest>()
  const places: Place<WaitingRequest>[] = []
  const list: WaitingRequest[] = []
  for (let turn = 0; turn < 3000; turn++) {
    const what = random(100)
    if (what < 55) {
      const one = request(turn, random(12) === 0 ? null : `key ${random(keys)}`, 1 + random(3), 8 * (1 + random(3)))
      list.push(one)
      places.push(waiting.add(one))
    } else if (what < 70 && places.length > 0) {
      const place = places[random(places.length)]!
      expect(waiting.remove(place)).toBe(list.includes(place.value))
      if (list.includes(place.value)) list.splice(list.indexOf(place.value), 1)
    } else if (what < 99) {
      const since = random(2) === 0 ? Number.POSITIVE_INFINITY : turn - random(40)
      expect(waiting.takeRun(LIMITS, since)).toEqual(takeFrom(list, LIMITS, since))
    } else expect(waiting.takeAll()).toEqual(list.splice(0))
    const sum = (of: 'rows' | 'bytes'): number => list.reduce((total, one) => total + one[of], 0)
    expect([waiting.requests, waiting.rows, waiting.bytes]).toEqual([list.length, sum('rows'), sum('bytes')])
    expect(waiting.oldestSince).toBe(list[0]?.since ?? null)
  }
})

test('a request that is too large for a run makes one alone', () => {
  const waiting = new WaitingRequests<WaitingRequest>()
  const [large, small] = [request(1, 'a', 9), request(2, 'a')]
  waiting.add(large)
  waiting.add(small)
  expect(waiting.takeRun(LIMITS, Number.POSITIVE_INFINITY)).toEqual([large])
  expect(waiting.takeRun(LIMITS, Number.POSITIVE_INFINITY)).toEqual([small])
  expect(waiting.takeRun(LIMITS, Number.POSITIVE_INFINITY)).toEqual([])
})
