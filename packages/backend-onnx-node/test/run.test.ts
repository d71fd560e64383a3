import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type Tensors, tensor } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { model } from './model-file.ts'

const ROWS = 64
/** Multiplies by a matrix of 1/640 that keeps rows of equal numbers: `repeats` sets how long it takes. */
function slow(repeats: number, value = 1): Tensors {
  return {
    x: tensor('float32', new Float32Array(ROWS * 640).fill(value), [ROWS, 640]),
    repeats: tensor('int64', [repeats], []),
  }
}
/** Longer than any test waits: it would only ever end with the process. */
const ENDLESS = 1e12

function pair(first: number, second = first): Tensors {
  return { x: tensor('float32', [first, second], [1, 2]) }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe.each(['worker', 'inline'] as const)('%s', (execution) => {
  const backend = onnxNode({ execution, threads: 1 })

  test('the caller may change and keep the arrays once run has been called', async () => {
    const session = await backend.createSession(model('identity-float32'))
    const x = tensor('float32', [1, 2], [1, 2])
    const running = session.run({ x })
    x.data.fill(9)
    expect((await running).y!.data).toEqual(new Float32Array([1, 2]))
    expect(x.data).toEqual(new Float32Array([9, 9]))
    await session.dispose()
  })

  test('50 runs that share a signal: Node warns of no leak', async () => {
    const warnings: Error[] = []
    const collect = (warning: Error): void => void warnings.push(warning)
    process.on('warning', collect)
    const session = await backend.createSession(model('identity-float32'))
    const { signal } = new AbortController()
    const values = Array.from({ length: 50 }, (_, index) => index)
    const outputs = await Promise.all(values.map((value) => session.run(pair(value), { signal })))
    expect(outputs.map(({ y }) => y!.data[0])).toEqual(values)
    await session.dispose()
    await turn()
    process.off('warning', collect)
    expect(warnings).toEqual([])
  })

  test('an output stays as it is while later runs use the same buffers', async () => {
    const session = await backend.createSession(model('identity-float32'))
    const first = (await session.run(pair(1))).y!
    const others = await Promise.all([2, 3, 4, 5].map((value) => session.run(pair(value))))
    await session.run(pair(6))
    expect(first.data).toEqual(new Float32Array([1, 1]))
    expect(others.map(({ y }) => y!.data[0])).toEqual([2, 3, 4, 5])
    const memory = new Set([first, ...others.map(({ y }) => y!)].map(({ data }) => (data as Float32Array).buffer))
    expect(memory.size).toBe(5)
    await session.dispose()
  })

  test('sizes may change from run to run', async () => {
    const session = await backend.createSession(model('identity-float32'))
    for (const rows of [1, 300, 2, 0, 300, 7]) {
      const x = tensor(
        'float32',
        Float32Array.from({ length: rows * 2 }, (_, i) => i + rows),
        [rows, 2],
      )
      expect((await session.run({ x })).y).toEqual(x)
    }
    await session.dispose()
  })

  test('a node that fails is named, and the session goes on', async () => {
    const session = await backend.createSession(model('two-inputs'))
    const vector = (length: number) => tensor('float32', new Float32Array(length).fill(1))
    await expect(session.run({ a: vector(2), b: vector(3) })).rejects.toMatchObject({
      code: 'RUNTIME_FAILED',
      message: expect.stringMatching(/"adder" \(Add\).*2 by 3/),
      details: { node: 'adder', operator: 'Add', runtimeMessage: expect.stringContaining('Non-zero status code') },
      cause: expect.objectContaining({ message: expect.stringContaining('Non-zero status code') }),
    })
    expect((await session.run({ a: vector(2), b: vector(2) })).sum!.data).toEqual(new Float32Array([2, 2]))
    await session.dispose()
  })

  test('memory that cannot be had is an error, and the session goes on', async () => {
    const session = await backend.createSession(model('huge'))
    const shape = (...sizes: number[]) => ({ shape: tensor('int64', sizes) })
    await expect(session.run(shape(1e5, 1e5, 1e3))).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      details: { bytes: '40000000000000' },
    })
    expect((await session.run(shape(2, 3))).y).toEqual(tensor('float32', new Float32Array(6), [2, 3]))
    await session.dispose()
  })

  test('runs in progress end before the model is released', async () => {
    const session = await backend.createSession(model('slow'))
    const running = session.run(slow(20))
    await turn()
    await session.dispose()
    expect((await running).y!.data[0]).toBeCloseTo(1, 4)
    await expect(session.run(slow(1))).rejects.toMatchObject({ code: 'SESSION_DISPOSED' })
    await session.dispose()
  })
})

describe('waiting', () => {
  test('first in, first out', async () => {
    const session = await onnxNode({ threads: 1 }).createSession(model('slow'))
    const ended: number[] = []
    const runs = [5, 1, 3, 1, 2, 1].map((repeats, index) =>
      session.run(slow(repeats, index)).then(({ y }) => {
        ended.push(index)
        expect(y!.data[0]).toBeCloseTo(index, 4)
      }),
    )
    await Promise.all(runs)
    expect(ended).toEqual([0, 1, 2, 3, 4, 5])
    await session.dispose()
  })

  test.each([1, 2])('%i replicas: many callers each get their own answer', async (replicas) => {
    const session = await onnxNode({ replicas, threads: 1 }).createSession(model('slow'))
    const values = Array.from({ length: 24 }, (_, index) => index)
    const results = await Promise.all(values.map((value) => session.run(slow(1 + (value % 3), value))))
    for (const [index, { y }] of results.entries()) expect(y!.data[ROWS * 320]).toBeCloseTo(index, 3)
    await session.dispose()
  })

  test('an aborted run leaves the queue, wherever in it it is', async () => {
    const session = await onnxNode({ threads: 1 }).createSession(model('slow'))
    const controller = new AbortController()
    const { signal } = controller
    const first = session.run(slow(20))
    const left = Array.from({ length: 4 }, () => session.run(slow(ENDLESS), { signal }))
    const last = session.run(slow(2))
    await turn()
    controller.abort()
    for (const run of left) await expect(run).rejects.toMatchObject({ code: 'ABORTED' })
    expect((await first).y!.data[0]).toBeCloseTo(1, 4)
    expect((await last).y!.data[0]).toBeCloseTo(1, 4)
    await session.dispose()
  })

  test('a run in progress settles at once with its signal or its time, and ends unseen', async () => {
    const session = await onnxNode({ threads: 1 }).createSession(model('slow'))
    const order: string[] = []
    const controller = new AbortController()
    const aborted = session.run(slow(100), { signal: controller.signal }).catch(({ code }) => order.push(code))
    const behind = session.run(slow(1)).then(() => order.push('next'))
    await turn()
    controller.abort()
    await Promise.all([aborted, behind])
    expect(order).toEqual(['ABORTED', 'next'])
    await expect(session.run(slow(200), { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
      details: { timeoutMs: 1 },
    })
    await session.dispose()
  })

  test('a signal that has fired before keeps the run from starting', async () => {
    const session = await onnxNode({ threads: 1 }).createSession(model('slow'))
    await expect(session.run(slow(ENDLESS), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
    await session.dispose()
  })

  test('disposing rejects what waits and lets what runs end', async () => {
    const session = await onnxNode({ threads: 1 }).createSession(model('slow'))
    // Long enough to be in progress after a turn on busy cores: what begins behind it would not end.
    const running = session.run(slow(400))
    const waiting = Array.from({ length: 3 }, () => session.run(slow(ENDLESS)))
    const settled = Promise.allSettled(waiting)
    await turn()
    await Promise.all([session.dispose(), session.dispose()])
    expect((await running).y!.data[0]).toBeCloseTo(1, 3)
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SESSION_DISPOSED' } })
    }
  })

  test('wrong inputs are refused before the queue', async () => {
    const session = await onnxNode({ threads: 1 }).createSession(model('identity-float32'))
    await expect(session.run({ x: tensor('int32', [1, 2], [1, 2]) })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(session.run({})).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await session.dispose()
  })
})
