import { expect, test } from 'vitest'
import { CoreGate } from '../src/core-gate.ts'
import { type Prepared, RunQueue } from '../src/run-queue.ts'
import { rejection } from './expect-error.ts'

/** Work that ends when told to, and writes down when it begins. */
function steps(log: string[]) {
  const ends = new Map<string, () => void>()
  return {
    work: (name: string): Prepared<string> => ({
      start: (replica) => {
        log.push(`${name} on ${replica}`)
        return new Promise((resolve) => ends.set(name, () => resolve(name)))
      },
      drop: () => log.push(`${name} dropped`),
    }),
    end: (name: string) => ends.get(name)!(),
  }
}

test('runs begin in the order of the calls, as many as there are replicas', async () => {
  const log: string[] = []
  const { work, end } = steps(log)
  const queue = new RunQueue(2, 1, null)
  const [a, b, c] = ['a', 'b', 'c'].map((name) => queue.submit(work(name)))
  expect(log).toEqual(['a on 1', 'b on 0'])
  end('b')
  expect(await b!.result).toBe('b')
  expect(log).toEqual(['a on 1', 'b on 0', 'c on 0'])
  end('a')
  end('c')
  expect(await Promise.all([a!.result, c!.result])).toEqual(['a', 'c'])
})

test('two sessions share the cores, first come, first served', async () => {
  const log: string[] = []
  const { work, end } = steps(log)
  const gate = new CoreGate(4)
  const wide = new RunQueue(2, 3, gate)
  const narrow = new RunQueue(4, 1, gate)
  const runs = [narrow.submit(work('n1')), wide.submit(work('w1')), wide.submit(work('w2')), narrow.submit(work('n2'))]
  // n2 would fit, and w2 asked first.
  expect(log).toEqual(['n1 on 3', 'w1 on 1'])
  end('w1')
  await runs[1]!.result
  expect(log).toEqual(['n1 on 3', 'w1 on 1', 'w2 on 1'])
  end('n1')
  await runs[0]!.result
  expect(log.slice(3)).toEqual(['n2 on 3'])
  end('w2')
  end('n2')
  await Promise.all(runs.map(({ result }) => result))
})

test('a run with more threads than cores has them to itself', async () => {
  const log: string[] = []
  const { work, end } = steps(log)
  const gate = new CoreGate(2)
  const [big, small] = [new RunQueue(1, 8, gate), new RunQueue(1, 1, gate)]
  const runs = [big.submit(work('big')), small.submit(work('small'))]
  expect(log).toEqual(['big on 0'])
  end('big')
  await runs[0]!.result
  end('small')
  expect(await runs[1]!.result).toBe('small')
})

test('a run that was cancelled while it waited for cores gives them back', async () => {
  const log: string[] = []
  const { work, end } = steps(log)
  const gate = new CoreGate(1)
  const [one, two, three] = [new RunQueue(1, 1, gate), new RunQueue(1, 1, gate), new RunQueue(1, 1, gate)]
  const first = one.submit(work('first'))
  two.submit(work('second')).cancel()
  const third = three.submit(work('third'))
  expect(log).toEqual(['first on 0', 'second dropped'])
  end('first')
  await first.result
  end('third')
  expect(await third.result).toBe('third')
})

test('close waits for what is in progress and refuses what waits', async () => {
  const log: string[] = []
  const { work, end } = steps(log)
  const queue = new RunQueue(1, 1, new CoreGate(1))
  const running = queue.submit(work('running'))
  const waiting = queue.submit(work('waiting'))
  let closed = false
  const closing = queue.close().then(() => {
    closed = true
  })
  await rejection(() => waiting.result, 'SESSION_DISPOSED')
  expect(closed).toBe(false)
  end('running')
  expect(await running.result).toBe('running')
  await closing
  await rejection(() => queue.submit(work('late')).result, 'SESSION_DISPOSED')
  expect(log).toEqual(['running on 0', 'waiting dropped', 'late dropped'])
})

test('a failure frees its place', async () => {
  const gate = new CoreGate(1)
  const queue = new RunQueue(1, 1, gate)
  const failing = queue.submit({ start: () => Promise.reject(new Error('failed')), drop() {} })
  await expect(failing.result).rejects.toThrow('failed')
  expect(await queue.submit({ start: async () => 'next', drop() {} }).result).toBe('next')
})
