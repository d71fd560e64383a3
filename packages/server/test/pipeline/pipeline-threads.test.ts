import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { loadModel, type Prediction, type RawImage, type RawInput, TensorferryError } from '@tensorferry/core'
import { type Server, type ServerOptions, serve } from '@tensorferry/server'
import sharp from 'sharp'
import { expect, onTestFinished, test } from 'vitest'
import { bundlePath } from '../load-models.ts'

const BUNDLES = ['digits', 'super-resolution-x3'] as const
const PICTURES = {
  digits: ['drawn.png', 'held-out.png'],
  'super-resolution-x3': ['photo.png'],
} as const
const backend = onnxNode({ threads: 1 })

/** The built server, and the workers that it starts for its pipelines. */
async function start(options: Partial<ServerOptions> = {}) {
  const workers: Worker[] = []
  const server = await serve({ models: BUNDLES.map(bundlePath), backend, port: 0, ...options })
  // Those of the models have been started by now; large JSON is not sent here.
  const onWorker = (worker: Worker): void => void workers.push(worker)
  process.on('worker', onWorker)
  onTestFinished(async () => {
    process.off('worker', onWorker)
    await server.close()
  })
  return { server, workers }
}

const predict = (server: Server, name: string, raw: RawInput, options?: object): Promise<Prediction> =>
  server.repository.get(name).predict(raw, options)

/** Compares pixels at once: one by one takes a minute for a large picture. */
function expectSame(actual: Prediction, expected: Prediction): void {
  if (!('mode' in expected)) {
    expect(actual).toEqual(expected)
    return
  }
  const [{ data, ...rest }, { data: pixels, ...others }] = [actual as RawImage, expected as RawImage]
  expect(rest).toEqual(others)
  expect(Buffer.compare(data, pixels)).toBe(0)
}

const photo = await readFile(join(bundlePath('super-resolution-x3'), 'photo.png'))
/** Large enough for a thread. */
const medium = await sharp(photo).resize(300, 200).png().toBuffer()
/** Takes some tens of milliseconds. */
const large = await sharp(photo).resize(2000, 1500).jpeg().toBuffer()

test.each(BUNDLES)('%s: the bits of model.predict, in threads and without them', async (name) => {
  await using model = await loadModel(bundlePath(name), { backend })
  const { server, workers } = await start({ pipelineThreads: 2 })
  const { server: single, workers: none } = await start({ pipelineThreads: 0 })
  const files = await Promise.all(PICTURES[name].map((file) => readFile(join(bundlePath(name), file))))
  // Of a size at which results cross too, and WebAssembly's loops are used in threads and here.
  files.push(medium)
  for (const file of files) {
    const expected = await model.predict(file)
    expectSame(await predict(server, name, file), expected)
    expectSame(await predict(single, name, file), expected)
  }
  // As many at once as there are threads, and more.
  const last = files.at(-1)!
  const expected = await model.predict(last)
  const all = await Promise.all(Array.from({ length: 9 }, () => predict(server, name, last)))
  for (const one of all) expectSame(one, expected)
  expect(workers.length).toBeGreaterThanOrEqual(2)
  expect(none.filter((worker) => !workers.includes(worker))).toEqual([])
})

test('pixels and a view of shared memory: the caller keeps them, unless he gives them away', async () => {
  const { server } = await start()
  const pixels: RawImage = { mode: 'RGB', width: 200, height: 200, data: new Uint8Array(120_000).fill(7) }
  const file = new Uint8Array(medium)
  const view = new Uint8Array(new Uint8Array([...medium, 1, 2, 3]).buffer, 0, medium.length)
  const labels = await predict(server, 'digits', file)
  expect(await predict(server, 'digits', view, { giveMemory: true })).toEqual(labels)
  await predict(server, 'digits', pixels)
  expect([file.length, view.length, pixels.data.length]).toEqual([medium.length, medium.length, 120_000])
  expect(pixels.data.every((value) => value === 7)).toBe(true)
  expect(await predict(server, 'digits', file, { giveMemory: true })).toEqual(labels)
  expect(file.length).toBe(0)
})

test('an error keeps its code, message and details; the next request of the thread is answered', async () => {
  await using model = await loadModel(bundlePath('digits'), { backend })
  const { server, workers } = await start({ pipelineThreads: 1 })
  for (const wrong of [new Uint8Array(100_000).fill(9), large.subarray(0, 70_000), photo.subarray(0, 700)]) {
    const own = (await model.predict(wrong).catch((error: unknown) => error)) as TensorferryError
    const served = (await predict(server, 'digits', wrong).catch((error: unknown) => error)) as TensorferryError
    expect(TensorferryError.is(served, 'INPUT_INVALID')).toBe(true)
    expect(served.toJSON()).toEqual(own.toJSON())
  }
  expect(await predict(server, 'digits', medium)).toEqual(await model.predict(medium))
  expect(workers).toHaveLength(1)
})

test('a thread that dies fails its request alone and is replaced', async () => {
  const { server, workers } = await start({ pipelineThreads: 1 })
  const expected = await predict(server, 'digits', medium)
  expect(workers).toHaveLength(1)
  const lost = predict(server, 'digits', large)
  const waiting = predict(server, 'digits', medium)
  const rejected = expect(lost).rejects.toMatchObject({ code: 'RUNTIME_FAILED' })
  await workers[0]!.terminate()
  await rejected
  expect(await waiting).toEqual(expected)
  expect(workers).toHaveLength(2)
})

test('whoever leaves while his picture waits costs nothing; the others are answered', async () => {
  const { server, workers } = await start({ pipelineThreads: 1 })
  const expected = await predict(server, 'digits', medium)
  const first = predict(server, 'digits', large)
  const cancel = new AbortController()
  const left = predict(server, 'digits', large, { signal: cancel.signal })
  const late = predict(server, 'digits', large, { timeoutMs: 1 })
  const last = predict(server, 'digits', medium)
  cancel.abort()
  await expect(left).rejects.toMatchObject({ code: 'ABORTED' })
  await expect(late).rejects.toMatchObject({ code: 'TIMED_OUT' })
  expect(await last).toEqual(expected)
  await first
  expect(workers).toHaveLength(1)
})

test('more pictures than the queue holds are refused, and told when to come back', async () => {
  const { server } = await start({ pipelineThreads: 1, queue: { maxRequests: 2 } })
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => predict(server, 'digits', large)))
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected'])
  expect((results[2] as PromiseRejectedResult).reason).toMatchObject({
    code: 'OVERLOADED',
    details: { model: 'digits', retryAfterSeconds: 1, waiting: { requests: 2 }, limit: { requests: 2 } },
  })
})

test('the stages are measured once each, and a model that was loaded anew is another one', async () => {
  const { server } = await start()
  for (let round = 0; round < 3; round++) await predict(server, 'super-resolution-x3', medium)
  await server.repository.load('super-resolution-x3')
  await using model = await loadModel(bundlePath('super-resolution-x3'), { backend })
  expectSame(await predict(server, 'super-resolution-x3', medium), await model.predict(medium))
  const text = await (await fetch(`${server.url}/metrics`)).text()
  for (const stage of ['preprocess', 'postprocess']) {
    expect(text).toMatch(
      new RegExp(
        `tensorferry_pipeline_seconds_count\\{model="super-resolution-x3",version="[^"]+",stage="${stage}"\\} 4\\n`,
      ),
    )
  }
})

test('small pictures stay on the event loop, small files of large pictures do not', async () => {
  const { server, workers } = await start()
  await predict(server, 'digits', photo)
  expect(workers).toHaveLength(0)
  const white = await sharp({ create: { width: 3000, height: 2000, channels: 3, background: 'white' } })
    .webp()
    .toBuffer()
  expect(white.length).toBeLessThan(30_000)
  await predict(server, 'digits', white)
  expect(workers).toHaveLength(1)
})
