import { TensorferryError, type Tensors, tensor } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { Batcher, type BatcherOptions } from '../../src/batching/batcher.ts'
import { deferred } from '../deferred.ts'

const rowsOf = (inputs: Tensors): number => inputs.x!.shape[0]!
/** One row for each value. */
const column = (...values: number[]): Tensors => ({ x: tensor('float32', values, [values.length, 1]) })
const doubled = (inputs: Tensors): Tensors => {
  const { data, shape } = inputs.x as { data: Float32Array; shape: readonly number[] }
  return {
    y: tensor(
      'float32',
      Float32Array.from(data, (value) => 2 * value),
      shape,
    ),
  }
}

interface Run {
  readonly rows: number
  /** Given to the session while another run was in progress. */
  readonly signal: AbortSignal | undefined
  release(): void
  fail(error: unknown): void
}

/** A batcher over a function whose runs end when the test says so. */
function startBatcher(options: Partial<BatcherOptions> = {}) {
  const runs: Run[] = []
  const ran: number[] = []
  const answered: number[] = []
  const queueMs: number[] = []
  const failedBatches: number[] = []
  const batcher = new Batcher({
    name: 'doubler',
    run: (inputs, signal) => {
      const { promise, resolve, reject } = deferred<Tensors>()
      signal?.addEventListener('abort', () => reject(new TensorferryError('ABORTED', 'left out')))
      runs.push({ rows: rowsOf(inputs), signal, release: () => resolve(doubled(inputs)), fail: reject })
      return promise
    },
    place: (inputs) => ({ rows: rowsOf(inputs), key: String(inputs.x!.shape[1]) }),
    replicas: 1,
    runsAhead: false,
    limits: { maxRows: 8, maxBytes: 1e6 },
    maxDelayMs: 0,
    queue: { maxRequests: 100, maxRows: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY },
    told: {
      ran: (rows) => void ran.push(rows),
      answered: (rows, _totalMs, waitedMs) => {
        answered.push(rows)
        queueMs.push(waitedMs)
      },
      batchFailed: (rows) => void failedBatches.push(rows),
    },
    ...options,
  })
  /** Resolves when the model was called so often. */
  const untilRuns = (count: number): Promise<void> => expect.poll(() => runs.length, { interval: 1 }).toBe(count)
  return { batcher, runs, ran, answered, queueMs, failedBatches, untilRuns }
}

const codeOf = (error: unknown): string => (error as TensorferryError).code

describe('when runs are made', () => {
  test('an idle model runs at once, a busy one gathers, and everyone gets his own rows', async () => {
    const { batcher, runs, untilRuns } = startBatcher()
    const first = batcher.infer(column(1), {})
    await untilRuns(1)
    const others = [batcher.infer(column(2, 3), {}), batcher.infer(column(4), {}), batcher.infer(column(5, 6, 7), {})]
    runs[0]!.release()
    await untilRuns(2)
    expect(runs.map(({ rows }) => rows)).toEqual([1, 6])
    runs[1]!.release()
    expect([...(await first).y!.data]).toEqual([2])
    const replies = await Promise.all(others)
    expect(replies.map(({ y }) => [...y!.data])).toEqual([[4, 6], [8], [10, 12, 14]])
    expect(replies.map(({ y }) => y!.shape)).toEqual([
      [2, 1],
      [1, 1],
      [3, 1],
    ])
    // Views: the protocols write them into their replies at once, and the batch's memory is free again.
    expect(new Set(replies.map(({ y }) => (y!.data as Float32Array).buffer)).size).toBe(1)
  })

  test('requests of one turn of the loop go together even when it is idle', async () => {
    const { batcher, runs, untilRuns } = startBatcher()
    const replies = [1, 2, 3].map((value) => batcher.infer(column(value), {}))
    await untilRuns(1)
    expect(runs[0]!.rows).toBe(3)
    runs[0]!.release()
    expect((await Promise.all(replies)).map(({ y }) => y!.data[0])).toEqual([2, 4, 6])
  })

  test('rows count, not requests; a request with more rows than a run has runs alone', async () => {
    const { batcher, runs, untilRuns } = startBatcher({ limits: { maxRows: 4, maxBytes: 1e6 } })
    const replies = [3, 2, 2, 9, 1].map((rows) => batcher.infer(column(...new Array<number>(rows).fill(rows)), {}))
    for (let run = 0; run < 4; run++) {
      await untilRuns(run + 1)
      runs[run]!.release()
    }
    expect(runs.map(({ rows }) => rows)).toEqual([3, 4, 9, 1])
    expect((await Promise.all(replies)).map(({ y }) => y!.data.length)).toEqual([3, 2, 2, 9, 1])
  })

  test('a run holds no more than its bytes', async () => {
    const { batcher, runs, untilRuns } = startBatcher({ limits: { maxRows: 100, maxBytes: 8 } })
    const replies = [1, 2, 3].map((value) => batcher.infer(column(value), {}))
    await untilRuns(1)
    runs[0]!.release()
    await untilRuns(2)
    runs[1]!.release()
    await Promise.all(replies)
    expect(runs.map(({ rows }) => rows)).toEqual([2, 1])
  })

  test('other shapes wait in queues of their own, the longest waiting one is next', async () => {
    const { batcher, runs, untilRuns } = startBatcher()
    const wide = (rows: number): Tensors => ({ x: tensor('float32', new Float32Array(rows * 2), [rows, 2]) })
    const replies = [column(1), wide(2), column(3), wide(3)].map((inputs) => batcher.infer(inputs, {}))
    await untilRuns(1)
    runs[0]!.release()
    await untilRuns(2)
    runs[1]!.release()
    await Promise.all(replies)
    expect(runs.map(({ rows }) => rows)).toEqual([2, 5])
  })

  test('as many runs at once as there are replicas', async () => {
    const { batcher, runs, untilRuns } = startBatcher({ replicas: 2, limits: { maxRows: 1, maxBytes: 1e6 } })
    const replies = [1, 2, 3].map((value) => batcher.infer(column(value), {}))
    await untilRuns(2)
    expect(batcher.load).toMatchObject({ running: 2, waitingRequests: 1, waitingRows: 1, waitingBytes: 4 })
    runs[1]!.release()
    await untilRuns(3)
    runs[0]!.release()
    runs[2]!.release()
    expect((await Promise.all(replies)).map(({ y }) => y!.data[0])).toEqual([2, 4, 6])
    expect(batcher.load).toMatchObject({ running: 0, waitingRequests: 0, waitingRows: 0, waitingBytes: 0 })
  })

  test('with a delay an idle model waits for others, and not longer than until a run is full', async () => {
    const { batcher, runs, untilRuns } = startBatcher({ maxDelayMs: 60_000, limits: { maxRows: 2, maxBytes: 1e6 } })
    const first = batcher.infer(column(1), {})
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    expect(runs).toHaveLength(0)
    const second = batcher.infer(column(2), {})
    await untilRuns(1)
    runs[0]!.release()
    expect([(await first).y!.data[0], (await second).y!.data[0]]).toEqual([2, 4])
  })

  test('with a delay a single request runs when it is over', async () => {
    const { batcher, runs, untilRuns } = startBatcher({ maxDelayMs: 5 })
    const reply = batcher.infer(column(1), {})
    await untilRuns(1)
    runs[0]!.release()
    expect((await reply).y!.data[0]).toBe(2)
  })

  test('texts are rows too', async () => {
    const { batcher } = startBatcher({
      run: async ({ x }) => ({
        y: tensor(
          'string',
          (x!.data as readonly string[]).map((text) => `${text}!`),
          x!.shape,
        ),
      }),
    })
    const texts = [['a', 'b'], ['c']].map((words) =>
      batcher.infer({ x: tensor('string', words, [words.length, 1]) }, {}),
    )
    expect((await Promise.all(texts)).map(({ y }) => y!.data)).toEqual([['a!', 'b!'], ['c!']])
  })
})

describe('what happens to one does not reach the others', () => {
  test('of a batch that fails each request is run again, and only the bad one fails', async () => {
    const { batcher, ran, failedBatches } = startBatcher({
      run: async (inputs) => {
        if (inputs.x!.data.includes(666 as never)) throw new TensorferryError('RUNTIME_FAILED', 'bad number')
        return doubled(inputs)
      },
    })
    const replies = await Promise.allSettled([1, 666, 3].map((value) => batcher.infer(column(value), {})))
    expect(replies.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(replies[2]).toMatchObject({ value: { y: { data: Float32Array.of(6) } } })
    expect(failedBatches).toEqual([3])
    expect(ran).toEqual([3, 1, 1, 1])
  })

  test('a model that does not keep its rows apart answers one by one, and says so', async () => {
    const { batcher, failedBatches } = startBatcher({
      // The sum of all rows: one row, however many went in.
      run: async ({ x }) => ({
        y: tensor('float32', [(x!.data as Float32Array).reduce((sum, one) => sum + one, 0)], [1, 1]),
      }),
    })
    const replies = await Promise.all([1, 2].map((value) => batcher.infer(column(value), {})))
    expect(replies.map(({ y }) => y!.data[0])).toEqual([1, 2])
    expect(failedBatches).toEqual([2])
  })

  test('one that is aborted in the queue leaves it before the batch is made', async () => {
    const { batcher, runs, untilRuns, answered } = startBatcher()
    const first = batcher.infer(column(1), {})
    await untilRuns(1)
    const leaving = new AbortController()
    const left = batcher.infer(column(2), { signal: leaving.signal })
    const stays = batcher.infer(column(3), {})
    leaving.abort()
    await expect(left).rejects.toMatchObject({ code: 'ABORTED' })
    expect(batcher.load.waitingRows).toBe(1)
    runs[0]!.release()
    await untilRuns(2)
    expect(runs[1]!.rows).toBe(1)
    runs[1]!.release()
    expect((await stays).y!.data[0]).toBe(6)
    await first
    expect(answered).toEqual([1, 1])
  })

  test('one that is aborted while its batch runs takes nothing from the others', async () => {
    const { batcher, runs, untilRuns } = startBatcher()
    const leaving = new AbortController()
    const left = batcher.infer(column(1), { signal: leaving.signal })
    const stays = batcher.infer(column(2), {})
    await untilRuns(1)
    leaving.abort()
    await expect(left).rejects.toMatchObject({ code: 'ABORTED' })
    runs[0]!.release()
    expect((await stays).y!.data[0]).toBe(4)
  })

  test('a deadline counts the time in the queue', async () => {
    const { batcher, runs, untilRuns } = startBatcher()
    const first = batcher.infer(column(1), {})
    await untilRuns(1)
    await expect(batcher.infer(column(2), { timeoutMs: 5 })).rejects.toMatchObject({ code: 'TIMED_OUT' })
    expect(batcher.load.waitingRequests).toBe(0)
    runs[0]!.release()
    expect((await first).y!.data[0]).toBe(2)
  })

  test('when the session is gone all fail at once, without further runs', async () => {
    const { batcher, ran } = startBatcher({
      run: () => Promise.reject(new TensorferryError('SESSION_DISPOSED', 'gone')),
    })
    const replies = await Promise.all([1, 2].map((value) => batcher.infer(column(value), {}).catch(codeOf)))
    expect(replies).toEqual(['SESSION_DISPOSED', 'SESSION_DISPOSED'])
    expect(ran).toEqual([2])
  })
})

describe('a run ahead', () => {
  /** A run of two is in progress; what is asked for next goes ahead once it is two as well. */
  async function startBusy(options: Partial<BatcherOptions> = {}) {
    const started = startBatcher({ runsAhead: true, ...options })
    const first = Promise.all([1, 2].map((value) => started.batcher.infer(column(value), {})))
    await started.untilRuns(1)
    return { ...started, first }
  }
  const turns = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

  test('is made once as many wait as are in the run in progress, one at most, and its requests wait still', async () => {
    const { batcher, runs, first, untilRuns, queueMs } = await startBusy()
    const third = batcher.infer(column(3), {})
    await turns()
    expect(runs).toHaveLength(1)
    const fourth = batcher.infer(column(4), {})
    // Later than both came.
    const since = performance.now()
    await untilRuns(2)
    expect(runs.map(({ rows, signal }) => [rows, signal !== undefined])).toEqual([
      [2, false],
      [2, true],
    ])
    const others = [5, 6, 7].map((value) => batcher.infer(column(value), {}))
    await turns()
    expect(runs).toHaveLength(2)
    expect(batcher.load).toEqual({
      waitingRequests: 5,
      waitingRows: 5,
      waitingBytes: 20,
      running: 1,
      runningRequests: 2,
    })
    const waited = performance.now() - since
    runs[0]!.release()
    await first
    await untilRuns(3)
    expect(batcher.load).toMatchObject({ waitingRequests: 3, running: 1, runningRequests: 2 })
    runs[1]!.release()
    expect((await Promise.all([third, fourth])).map(({ y }) => y!.data[0])).toEqual([6, 8])
    // They waited until the run before had ended, not until they were handed over.
    expect(Math.min(...queueMs.slice(2))).toBeGreaterThanOrEqual(waited)
    runs[2]!.release()
    expect((await Promise.all(others)).map(({ y }) => y!.data[0])).toEqual([10, 12, 14])
    expect(batcher.load).toMatchObject({ waitingRequests: 0, running: 0, runningRequests: 0 })
  })

  test('is left out when all who wait for it have gone, and not before', async () => {
    const { batcher, runs, first, untilRuns, ran, failedBatches } = await startBusy()
    const clients = [new AbortController(), new AbortController()]
    const gone = clients.map(({ signal }, i) => batcher.infer(column(i), { signal }).catch(codeOf))
    await untilRuns(2)
    clients[0]!.abort()
    expect(runs[1]!.signal!.aborted).toBe(false)
    clients[1]!.abort()
    expect(runs[1]!.signal!.aborted).toBe(true)
    expect(await Promise.all(gone)).toEqual(['ABORTED', 'ABORTED'])
    const next = batcher.infer(column(5), {})
    runs[0]!.release()
    await first
    await untilRuns(3)
    runs[2]!.release()
    expect((await next).y!.data[0]).toBe(10)
    // It is no failure of the model's.
    expect([ran, failedBatches]).toEqual([[2, 1], []])
  })

  test('answers those who stay when one of them has gone', async () => {
    const { batcher, runs, first, untilRuns } = await startBusy()
    const leaving = new AbortController()
    const left = batcher.infer(column(3), { signal: leaving.signal })
    const stays = batcher.infer(column(4), {})
    await untilRuns(2)
    leaving.abort()
    await expect(left).rejects.toMatchObject({ code: 'ABORTED' })
    runs[0]!.release()
    runs[1]!.release()
    await first
    expect((await stays).y!.data[0]).toBe(8)
  })

  test('goes on when the run before it fails, and its own failure is its own', async () => {
    const { batcher, runs, untilRuns } = startBatcher({ runsAhead: true })
    const first = batcher.infer(column(1), {}).catch(codeOf)
    await untilRuns(1)
    const second = batcher.infer(column(2), {})
    await untilRuns(2)
    const third = batcher.infer(column(3), {}).catch(codeOf)
    runs[0]!.fail(new TensorferryError('RUNTIME_FAILED', 'one'))
    runs[1]!.release()
    expect(await first).toBe('RUNTIME_FAILED')
    expect((await second).y!.data[0]).toBe(4)
    await untilRuns(3)
    runs[2]!.fail(new TensorferryError('OUT_OF_MEMORY', 'three'))
    expect(await third).toBe('OUT_OF_MEMORY')
    expect(batcher.load).toMatchObject({ waitingRequests: 0, running: 0 })
  })

  test('counts within the bounds of the queue', async () => {
    const bounds = { maxRequests: 2, maxRows: 100, maxBytes: 1e6 }
    const { batcher, runs, first, untilRuns } = await startBusy({ queue: bounds })
    const waiting = [3, 4].map((value) => batcher.infer(column(value), {}))
    await untilRuns(2)
    await expect(batcher.infer(column(5), {})).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { waiting: { requests: 2, rows: 2, bytes: 8 } },
    })
    for (const run of runs) run.release()
    await Promise.all([first, ...waiting])
  })

  test('ends with what waits when the model goes', async () => {
    const { batcher, runs, first, untilRuns } = await startBusy()
    const waiting = [3, 4].map((value) => batcher.infer(column(value), {}).catch(codeOf))
    await untilRuns(2)
    waiting.push(batcher.infer(column(5), {}).catch(codeOf))
    batcher.rejectWaiting(new TensorferryError('SESSION_DISPOSED', 'gone'))
    expect(await Promise.all(waiting)).toEqual(['SESSION_DISPOSED', 'SESSION_DISPOSED', 'SESSION_DISPOSED'])
    expect(runs[1]!.signal!.aborted).toBe(true)
    runs[0]!.release()
    expect((await first).map(({ y }) => y!.data[0])).toEqual([2, 4])
    expect(runs).toHaveLength(2)
  })
})

describe('a full queue', () => {
  test.each([
    ['requests', { maxRequests: 2 }],
    ['rows', { maxRows: 2 }],
    ['bytes', { maxBytes: 8 }],
  ])('bounded by %s refuses with the time to wait, and takes again when there is room', async (what, bound) => {
    const unbounded = Number.POSITIVE_INFINITY
    const { batcher, runs, untilRuns } = startBatcher({
      queue: { maxRequests: unbounded, maxRows: unbounded, maxBytes: unbounded, ...bound },
    })
    const first = batcher.infer(column(1), {})
    await untilRuns(1)
    const waiting = [batcher.infer(column(2), {}), batcher.infer(column(3), {})]
    const refusal = await batcher.infer(column(4), {}).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'OVERLOADED', details: { retryAfterSeconds: 1, waiting: { requests: 2 } } })
    expect((refusal as Error).message).toContain(what)
    runs[0]!.release()
    await untilRuns(2)
    const again = batcher.infer(column(4), {})
    runs[1]!.release()
    await untilRuns(3)
    runs[2]!.release()
    expect((await Promise.all([first, ...waiting, again])).map(({ y }) => y!.data[0])).toEqual([2, 4, 6, 8])
  })

  test('a request that is larger than the queue is answered when nobody else waits', async () => {
    const { batcher, runs, untilRuns } = startBatcher({
      queue: { maxRequests: 10, maxRows: 2, maxBytes: 4 },
    })
    const first = batcher.infer(column(1), {})
    await untilRuns(1)
    const large = batcher.infer(column(1, 2, 3), {})
    runs[0]!.release()
    await untilRuns(2)
    runs[1]!.release()
    await first
    expect([...(await large).y!.data]).toEqual([2, 4, 6])
  })
})
