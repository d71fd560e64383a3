import type { Tensor } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { processThreads, timesAsleep, timesRun } from '../caller-thread.ts'
import { describeWithPackages } from '../environment.ts'
import { expectSame, goldenOf, inOrder, loadPackage, named } from './package-file.ts'

function largestDifference(one: Tensor, other: Tensor): number {
  expect([one.dtype, one.shape]).toEqual([other.dtype, other.shape])
  const values = other.data as Float32Array
  return Math.max(...(one.data as Float32Array).map((value, index) => Math.abs(value - values[index]!)))
}

describeWithPackages('values are those of PyTorch', () => {
  // Sums and products of one element each: to the last bit.
  test.each([
    ['dtypes', 1],
    ['layouts', 2],
    ['joined', 2],
    ['even', 2],
    ['indices', 2],
    ['indices-threads', 2],
    ['indices-vectors', 1],
    ['constant', 1],
    ['large', 1],
    ['threads', 1],
    ['counter', 1],
  ])('%s, bit by bit', async (name, cases) => {
    const session = await loadPackage(name)
    for (let number = 0; number < cases; number++) {
      const { inputs, outputs } = goldenOf(name, number)
      expectSame(inOrder(await session.run(named(session, inputs))), outputs)
      await session.reset?.()
      expectSame(inOrder(session.runSync(named(session, inputs))), outputs)
    }
    await session.dispose()
  })

  // Other orders of sums than in eager mode.
  test.each([
    ['mlp', 2, 1e-6],
    ['mlp-frozen', 1, 1e-6],
    ['mlp-x86-64-v3', 1, 1e-6],
    ['weights-beside', 1, 1e-6],
    ['weights-mapped', 1, 1e-6],
    ['convolutions', 2, 1e-5],
  ])('%s, %i cases within %d', async (name, cases, tolerance) => {
    const session = await loadPackage(name)
    for (let number = 0; number < cases; number++) {
      const { inputs, outputs } = goldenOf(name, number)
      const results = inOrder(await session.run(named(session, inputs)))
      expect(results).toHaveLength(outputs.length)
      results.forEach((result, index) => {
        expect(largestDifference(result, outputs[index]!)).toBeLessThan(tolerance)
      })
      // The same code on the same numbers.
      expectSame(inOrder(session.runSync(named(session, inputs))), results)
    }
    await session.dispose()
  })

  test('every dtype comes back as itself', async () => {
    const session = await loadPackage('dtypes')
    expect(session.inputs.map(({ dtype }) => dtype)).toEqual([
      ...['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'],
    ])
    const { inputs } = goldenOf('dtypes', 0)
    const outputs = inOrder(await session.run(named(session, inputs)))
    expect(outputs.map(({ dtype }) => dtype)).toEqual(inputs.map(({ dtype }) => dtype))
    await session.dispose()
  })

  test('outputs share memory with nothing: inputs, one another, weights', async () => {
    for (const name of ['layouts', 'constant']) {
      const session = await loadPackage(name)
      const { inputs, outputs } = goldenOf(name, 0)
      const buffers = new Set(inputs.map(({ data }) => (data as Float32Array).buffer))
      const first = inOrder(await session.run(named(session, inputs)))
      for (const { data } of first) {
        expect(buffers.has((data as Float32Array).buffer)).toBe(false)
        buffers.add((data as Float32Array).buffer)
        ;(data as Float32Array).fill(77)
      }
      expectSame(inOrder(await session.run(named(session, inputs))), outputs)
      await session.dispose()
    }
  })

  test('state goes on, reset brings it back, and its first answer is the first', async () => {
    const session = await loadPackage('counter', { replicas: 2, warmup: 3 })
    expect(session.runtime).toMatchObject({ replicas: 1, warmup: { skipped: null } })
    const { inputs } = goldenOf('counter', 0)
    const step = async (): Promise<number> => Number(inOrder(await session.run(named(session, inputs)))[0]!.data[0])
    expect([await step(), await step(), await step()]).toEqual([1, 2, 3])
    await session.reset!()
    expect(await step()).toBe(1)
    await session.dispose()
  })

  test.each(['mlp', 'mlp-frozen', 'threads', 'counter'])('%s in runSync with two threads, bit by bit', async (name) => {
    const session = await loadPackage(name, { threads: 2 })
    const inputs = named(session, goldenOf(name, 0).inputs)
    for (let call = 0; call < 8; call++) {
      await session.reset?.()
      const expected = inOrder(await session.run(inputs))
      await session.reset?.()
      expectSame(inOrder(session.runSync(inputs)), expected)
    }
    await session.dispose()
  })

  // `threads` was compiled with parallel regions of two threads; `mlp` has none.
  test.skipIf(process.platform !== 'linux').each([
    ['mlp', false],
    ['threads', true],
  ])('%s in runSync with two threads starts no thread; runs on one of its session: %s', async (name, onItsThread) => {
    const earlier = processThreads()
    const session = await loadPackage(name, { threads: 2 })
    const inputs = named(session, goldenOf(name, 0).inputs)
    await session.run(inputs)
    const threads = processThreads()
    const own = [...threads].filter((id) => !earlier.has(id))
    for (let call = 0; call < 20; call++) session.runSync(inputs)
    const asleep = timesAsleep()
    const ran = timesRun(own)
    for (let call = 0; call < 200; call++) session.runSync(inputs)
    expect(timesRun(own) > ran).toBe(onItsThread)
    if (!onItsThread) expect(timesAsleep() - asleep).toBeLessThan(20)
    expect(processThreads()).toEqual(threads)
    await session.dispose()
  })
})
