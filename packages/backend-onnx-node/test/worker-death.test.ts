import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Worker } from 'node:worker_threads'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { tensor } from '@tensorferry/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { model } from './model-file.ts'

/** Node tells of every worker that is made: the only way to one from outside. */
const workers: Worker[] = []
const remember = (message: unknown) => workers.push((message as { worker: Worker }).worker)
beforeAll(() => subscribe('worker_threads', remember))
afterAll(() => void unsubscribe('worker_threads', remember))

const x = tensor('float32', [1, 2], [1, 2])

test('a worker that throws rejects its runs, and the session says so from then on', async () => {
  const session = await onnxNode({ threads: 1 }).createSession(model('identity-float32'))
  const worker = workers.at(-1)!
  // No request: the worker's handler throws over it, and an exception nobody catches ends the thread.
  worker.postMessage(null)
  const runs = await Promise.allSettled([session.run({ x }), session.run({ x }), session.run({ x })])
  for (const result of runs) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { code: 'RUNTIME_FAILED', message: expect.stringContaining('create a new session') },
    })
  }
  await expect(session.run({ x })).rejects.toMatchObject({ code: 'RUNTIME_FAILED' })
  await session.dispose()
})

test('a worker that is ended while it is idle is found out by the next run', async () => {
  const session = await onnxNode({ threads: 1, replicas: 2 }).createSession(model('identity-float32'))
  await workers.at(-1)!.terminate()
  await expect(session.run({ x })).rejects.toMatchObject({
    code: 'RUNTIME_FAILED',
    message: expect.stringContaining('worker thread'),
  })
  await session.dispose()
})

test('a worker that ends before it has loaded the model fails the load', async () => {
  // One of them is idle and would be used again.
  await Promise.all(workers.map((worker) => worker.terminate()))
  const kill = (message: unknown) => (message as { worker: Worker }).worker.postMessage(null)
  subscribe('worker_threads', kill)
  const loading = onnxNode({ threads: 1 }).createSession(model('identity-float32'))
  await expect(loading).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringContaining('worker thread'),
  })
  unsubscribe('worker_threads', kill)
})

test('a thread that is used again starts with nothing of the model before', async () => {
  const backend = onnxNode({ threads: 1 })
  const first = await backend.createSession(model('slow'))
  const controller = new AbortController()
  const endless = { x: tensor('float32', new Float32Array(640), [1, 640]), repeats: tensor('int64', [1e12], []) }
  const running = first.run({ ...endless, repeats: tensor('int64', [2000], []) })
  // The second run is sent ahead and asked back: its number must not fall on the next session's second run.
  const aborted = first.run(endless, { signal: controller.signal })
  controller.abort()
  await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' })
  await running
  await first.dispose()
  const before = workers.length
  const second = await backend.createSession(model('identity-float32'))
  expect(workers.length).toBe(before)
  for (let i = 0; i < 10; i++) expect((await second.run({ x })).y!.data).toEqual(x.data)
  await second.dispose()
})
