import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Place, Queue } from '../src/queue.ts'

test('first in, first out', () => {
  const queue = new Queue<string>()
  expect([queue.size, queue.first, queue.take()]).toEqual([0, undefined, undefined])
  for (const value of ['a', 'b', 'c']) queue.add(value)
  expect([queue.size, queue.first, [...queue]]).toEqual([3, 'a', ['a', 'b', 'c']])
  expect([queue.take(), queue.take(), queue.size]).toEqual(['a', 'b', 1])
  expect([queue.takeAll(), queue.size, queue.takeAll()]).toEqual([['c'], 0, []])
})

test('a place is left once, in its own queue alone', () => {
  const queue = new Queue<string>()
  const other = new Queue<string>()
  const [first, second] = [queue.add('a'), queue.add('b')]
  expect(other.remove(first)).toBe(false)
  expect([queue.remove(first), queue.remove(first)]).toEqual([true, false])
  expect(queue.take()).toBe('b')
  expect(queue.remove(second)).toBe(false)
  expect(queue.size).toBe(0)
})

test('does what an array does, whatever comes and goes', () => {
  let state = 7
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const queue = new Queue<number>()
  const places: Place<number>[] = []
  let model: number[] = []
  for (let turn = 0; turn < 5000; turn++) {
    const what = random(100)
    if (what < 50) {
      places.push(queue.add(turn))
      model.push(turn)
    } else if (what < 70) expect(queue.take()).toBe(model.shift())
    else if (what < 98 && places.length > 0) {
      const place = places[random(places.length)]!
      expect(queue.remove(place)).toBe(model.includes(place.value))
      model = model.filter((value) => value !== place.value)
    } else if (what === 99) expect(queue.takeAll()).toEqual(model.splice(0))
    expect([queue.size, queue.first, ...queue]).toEqual([model.length, model[0], ...model])
  }
})

test.each(['queue', 'signal'])('what has left goes with young collections: %s', (what) => {
  const program = fileURLToPath(new URL('programs/queue-memory.mjs', import.meta.url))
  const { before, after } = JSON.parse(execFileSync(process.execPath, ['--expose-gc', program, what]).toString())
  // With a Set in their place: 11 MB and more.
  expect((after - before) / 2 ** 20).toBeLessThan(4)
})
