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

const photo = await readFile(join(bundlePath('super-resolution-x3'), 'photo.png'))
/** A picture whose steps take some tens of milliseconds. */
const large = (): Promise<Buffer> => sharp(photo).resize(2000, 1500).jpeg().toBuffer()

test.each(BUNDLES)('%s: the bits of model.predict, in threads and without them', async (name) => {
  await using model = await loadModel(bundlePath(name), { backend })
  const { server, workers } = await start({ pipelineThreads: 2 })
  const { server: single, workers: none } = await start({ pipelineThreads: 0 })
  const files = await Promise.all(PICTURES[name].map((file) => readFile(join(bundlePath(name), file))))
  // Of a size at which results cross too, and WebAssembly's loops are used in threads and here.
  files.push(await sharp(photo).resize(700, 500).png().toBuffer())
  for (const file of files) {
    const expected = await model.predict(file)
    expect(await predict(server, name, file)).toEqual(expected)
    expect(await predict(single, name, file)).toEqual(expected)
  }
  // As many at once as there are threads, and more.
  const expected = await model.predict(files[0]!)
  const all = await Promise.all(Array.from({ length: 9 }, () => predict(server, name, files[0]!)))
  for (const one of all) expect(one).toEqual(expected)
  expect(workers.length).toBeGreaterThanOrEqual(2)
  expect(none.filter((worker) => !workers.includes(worker))).toEqual([])
})

test('pixels and a view of shared memory: the caller keeps them, unless he gives them away', async () => {
  const { server } = await start()
  const pixels: RawImage = { mode: 'RGB', width: 200, height: 200, data: new Uint8Array(120_000).fill(7) }
  const file = new Uint8Array(photo)
  const view = new Uint8Array(new Uint8Array([...photo, 1, 2, 3]).buffer, 0, photo.length)
  const labels = await predict(server, 'digits', file)
  expect(await predict(server, 'digits', view, { giveMemory: true })).toEqual(labels)
  await predict(server, 'digits', pixels)
  expect([file.length, view.length, pixels.data.length]).toEqual([photo.length, photo.length, 120_000])
  expect(pixels.data.every((value) => value === 7)).toBe(true)
  expect(await predict(server, 'digits', file, { giveMemory: true })).toEqual(labels)
  expect(file.length).toBe(0)
})

test('an error keeps its code, message and details; the next request of the thread is answered', async () => {
  const { server } = await start({ pipelineThreads: 1 })
  await using model = await loadModel(bundlePath('digits'), { backend })
  for (const wrong of [new Uint8Array([1, 2, 3]), photo.subarray(0, 700), new Uint8Array()]) {
    const own = (await model.predict(wrong).catch((error: unknown) => error)) as TensorferryError
    const served = (await predict(server, 'digits', wrong).catch((error: unknown) => error)) as TensorferryError
    expect(TensorferryError.is(served, 'INPUT_INVALID')).toBe(true)
    expect(served.toJSON()).toEqual(own.toJSON())
  }
  expect(await predict(server, 'digits', photo)).toEqual(await model.predict(photo))
})

test('a thread that dies fails its request alone and is replaced', async () => {
  const { server, workers } = await start({ pipelineThreads: 1 })
  const expected = await predict(server, 'digits', photo)
  expect(workers).toHaveLength(1)
  const file = await large()
  const lost = predict(server, 'digits', file)
  const waiting = predict(server, 'digits', photo)
  const rejected = expect(lost).rejects.toMatchObject({ code: 'RUNTIME_FAILED' })
  await workers[0]!.terminate()
  await rejected
  expect(await waiting).toEqual(expected)
  expect(workers).toHaveLength(2)
})

test('whoever leaves while his picture waits costs nothing; the others are answered', async () => {
  const { server, workers } = await start({ pipelineThreads: 1 })
  const expected = await predict(server, 'digits', photo)
  const file = await large()
  const first = predict(server, 'digits', file)
  const cancel = new AbortController()
  const left = predict(server, 'digits', file, { signal: cancel.signal })
  const late = predict(server, 'digits', file, { timeoutMs: 1 })
  const last = predict(server, 'digits', photo)
  cancel.abort()
  await expect(left).rejects.toMatchObject({ code: 'ABORTED' })
  await expect(late).rejects.toMatchObject({ code: 'TIMED_OUT' })
  expect(await last).toEqual(expected)
  await first
  expect(workers).toHaveLength(1)
})

test('more pictures than the queue holds are refused, and told when to come back', async () => {
  const { server } = await start({ pipelineThreads: 1, queue: { maxRequests: 2 } })
  const file = await large()
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => predict(server, 'digits', file)))
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected'])
  expect((results[2] as PromiseRejectedResult).reason).toMatchObject({
    code: 'OVERLOADED',
    details: { model: 'digits', retryAfterSeconds: 1, waiting: { requests: 2 }, limit: { requests: 2 } },
  })
})

test('the stages are measured once each, and a model that was loaded anew is another one', async () => {
  const { server } = await start()
  for (let round = 0; round < 3; round++) await predict(server, 'super-resolution-x3', photo)
  await server.repository.load('super-resolution-x3')
  await using model = await loadModel(bundlePath('super-resolution-x3'), { backend })
  expect(await predict(server, 'super-resolution-x3', photo)).toEqual(await model.predict(photo))
  const text = await (await fetch(`${server.url}/metrics`)).text()
  for (const stage of ['preprocess', 'postprocess']) {
    expect(text).toMatch(
      new RegExp(
        `tensorferry_pipeline_seconds_count\\{model="super-resolution-x3",version="[^"]+",stage="${stage}"\\} 4\\n`,
      ),
    )
  }
})
