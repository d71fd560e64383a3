import { readFile } from 'node:fs/promises'
import type { SerializedError } from '@tensorferry/core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium, openPage } from './browser/chromium.ts'
import { startServer, type TestServer } from './browser/server.ts'

const workerFile = (name: string) => readFile(new URL(`../dist/${name}`, import.meta.url))

describe.skipIf(chromiumPath === null)('a model’s worker in Chromium', () => {
  let browser: Browser
  let server: TestServer
  let page: Page
  beforeAll(async () => {
    browser = await launchChromium()
    server = await startServer({ isolated: true })
    page = await openPage(await browser.newContext(), server.origin)
  })
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  test('threads are workers too, and all end with the session', async () => {
    const runtime = await page.evaluate(async () => {
      const model = await sdk.loadModel('/fixtures/identity-float32.onnx', { backend: sdk.onnxWeb({ threads: 3 }) })
      Object.assign(globalThis, { kept: model })
      return model.report.runtime
    })
    expect(runtime).toMatchObject({ threads: 3, warnings: [] })
    expect(page.workers().length).toBe(3)
    await page.evaluate(() => (globalThis as unknown as { kept: { dispose(): Promise<void> } }).kept.dispose())
    await expect.poll(() => page.workers().length, { timeout: 20_000 }).toBe(0)
  })

  test('a run that is left with cancellation: terminate ends its worker, and the next one gets a new one', async () => {
    const { code, y, ended } = await page.evaluate(async () => {
      const backend = sdk.onnxWeb({ threads: 1, cancellation: 'terminate' })
      const model = await sdk.loadModel('/fixtures/slow.onnx', { backend })
      const inputs = (repeats: number) => ({
        x: sdk.tensor('float32', new Float32Array(640).fill(2), [1, 640]),
        repeats: sdk.tensor('int64', [repeats], []),
      })
      const controller = new AbortController()
      // It would outlast the test.
      const endless = model.run(inputs(1e12), { signal: controller.signal })
      const waiting = model.run(inputs(1))
      controller.abort()
      const code = await endless.catch((error) => error.code)
      const { y } = await waiting
      await model.dispose()
      const ended = await model.run(inputs(1)).catch((error) => error.code)
      return { code, y: (y!.data as Float32Array)[0]!, ended }
    })
    expect({ code, ended }).toEqual({ code: 'ABORTED', ended: 'SESSION_DISPOSED' })
    expect(y).toBeCloseTo(2, 4)
    await expect.poll(() => page.workers().length, { timeout: 20_000 }).toBe(0)
  })

  test('dispose does not wait for a run that nobody waits for', async () => {
    const codes = await page.evaluate(async () => {
      const model = await sdk.loadModel('/fixtures/slow.onnx', { backend: sdk.onnxWeb({ threads: 1 }) })
      const inputs = (repeats: number) => ({
        x: sdk.tensor('float32', new Float32Array(640).fill(2), [1, 640]),
        repeats: sdk.tensor('int64', [repeats], []),
      })
      const controller = new AbortController()
      // It would outlast the test.
      const endless = model.run(inputs(1e12), { signal: controller.signal })
      const waiting = model.run(inputs(1))
      controller.abort()
      const left = await endless.catch((error) => error.code)
      const [behind] = await Promise.all([waiting.catch((error) => error.code), model.dispose()])
      return { left, behind }
    })
    expect(codes).toEqual({ left: 'ABORTED', behind: 'SESSION_DISPOSED' })
    await expect.poll(() => page.workers().length, { timeout: 20_000 }).toBe(0)
  })

  test('a load that is left ends its worker', async () => {
    const code = await page.evaluate(async () => {
      const controller = new AbortController()
      const artifact = {
        name: 'onnx',
        format: 'onnx' as const,
        requires: {},
        files: [
          {
            path: 'model.onnx',
            size: null,
            sha256: null,
            bytes: async () => new Uint8Array(await (await fetch('/fixtures/slow-to-load.onnx')).arrayBuffer()),
          },
        ] as const,
      }
      const loading = sdk.onnxWeb().createSession(
        { artifact },
        {
          signal: controller.signal,
          onProgress: () => queueMicrotask(() => controller.abort()),
        },
      )
      return loading.catch((error) => error.code)
    })
    expect(code).toBe('ABORTED')
    await expect.poll(() => page.workers().length, { timeout: 20_000 }).toBe(0)
  })

  test('a worker that dies during a run: an error that helps, and the next run starts a new one', async () => {
    const worker = await workerFile('worker.js')
    const dying = Buffer.concat([
      Buffer.from(
        "addEventListener('message', (event) => { if (event.data.type === 'run') { event.stopImmediatePropagation(); close() } });",
      ),
      worker,
    ])
    for (const name of ['ort-wasm.js', 'ort-wasm.wasm']) server.files.set(`/dying/${name}`, await workerFile(name))
    server.files.set('/dying/worker.js', dying)
    await page.evaluate(async () => {
      const model = await sdk.loadModel('/fixtures/identity-float32.onnx', {
        backend: sdk.onnxWeb({ assets: '/dying', threads: 1 }),
      })
      Object.assign(globalThis, { mortal: model })
    })
    const run = () =>
      page.evaluate(async () => {
        const { mortal } = globalThis as unknown as { mortal: Awaited<ReturnType<typeof sdk.loadModel>> }
        try {
          const { y } = await mortal.run({ x: sdk.tensor('float32', [1, 2], [1, 2]) })
          return Array.from(y!.data as Float32Array)
        } catch (error) {
          return (error as { toJSON(): SerializedError }).toJSON()
        }
      })
    expect(await run()).toMatchObject({
      code: 'RUNTIME_FAILED',
      message: expect.stringMatching(/worker .* has ended: it was ended; the next run starts a new one/),
    })
    server.files.set('/dying/worker.js', worker)
    expect(await run()).toEqual([1, 2])
    await page.evaluate(() => (globalThis as unknown as { mortal: { dispose(): Promise<void> } }).mortal.dispose())
  })

  test.each([1 << 20, 1 << 15, 30_000])(
    'memory that cannot be had is an error, and the session goes on: %i squared',
    async (side) => {
      const { code, small } = await page.evaluate(async (side) => {
        const model = await sdk.loadModel('/fixtures/huge.onnx', { backend: sdk.onnxWeb({ threads: 1 }) })
        const shape = (...sizes: number[]) => ({ shape: sdk.tensor('int64', sizes) })
        const code = await model.run(shape(side, side)).catch((error) => error.code)
        const outputs = await model.run(shape(2, 3))
        await model.dispose()
        return { code, small: Object.values(outputs)[0]!.shape }
      }, side)
      expect({ code, small }).toEqual({ code: 'OUT_OF_MEMORY', small: [2, 3] })
    },
  )

  describe.each([
    ['404', null],
    ['an HTML page with status 200', new TextEncoder().encode('<!doctype html><title>Not here</title>')],
  ])('%s', (_, answer) => {
    test.each([
      ['worker.js', /worker could not be started.*pass their folder as assets/],
      ['ort-wasm.js', /own files could not be loaded.*assets/],
      ['ort-wasm.wasm', /own files could not be loaded.*assets/],
    ])('in place of %s', async (wrong, message) => {
      for (const name of ['worker.js', 'ort-wasm.js', 'ort-wasm.wasm']) {
        if (name !== wrong) server.files.set(`/gone/${name}`, await workerFile(name))
        else if (answer) server.files.set(`/gone/${name}`, answer)
        else server.files.delete(`/gone/${name}`)
      }
      const error = await page.evaluate(() =>
        sdk
          .loadModel('/fixtures/identity-float32.onnx', { backend: sdk.onnxWeb({ assets: '/gone/', threads: 1 }) })
          .then(
            () => null,
            (error) => error.toJSON(),
          ),
      )
      expect(error).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringMatching(message) })
      await expect.poll(() => page.workers().length, { timeout: 20_000 }).toBe(0)
    })
  })

  test('providers are tried in order, and the reasons of those passed over are kept', async () => {
    const runtime = await page.evaluate(async () => {
      const backend = sdk.onnxWeb({ provider: ['webnn', 'webgpu', 'wasm'], threads: 1 })
      const model = await sdk.loadModel('/fixtures/identity-float32.onnx', { backend })
      await model.dispose()
      return model.report.runtime
    })
    expect(runtime).toMatchObject({
      provider: 'wasm',
      refused: [
        { provider: 'webnn', reason: expect.stringMatching(/WebNN/) },
        { provider: 'webgpu', reason: expect.stringMatching(/WebGPU/) },
      ],
    })
  })

  test('no provider works: every reason is in the error', async () => {
    const error = await page.evaluate(() =>
      sdk.loadModel('/fixtures/identity-float32.onnx', { backend: sdk.onnxWeb({ provider: 'webgpu' }) }).then(
        () => null,
        (error) => error.toJSON(),
      ),
    )
    expect(error).toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/none of the providers works here \(webgpu: .*provider: \['webgpu', 'wasm'\]$/),
    })
  })

  test('from a web worker of the user’s', async () => {
    const answer = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const worker = new Worker('/user-worker.js', { type: 'module' })
          worker.onmessage = ({ data }) => resolve({ ...data, y: Array.from(data.y) })
          worker.postMessage('go')
        }),
    )
    expect(answer).toEqual({ y: [1, 2], provider: 'wasm' })
  })

  test('in a service worker', async () => {
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/app-service-worker.js', { type: 'module' })
      await navigator.serviceWorker.ready
    })
    // The page from before is not under its control.
    const controlled = await openPage(page.context(), server.origin)
    const answer = await controlled.evaluate(async () => (await fetch('/predict?value=3')).json())
    const refused = await controlled.evaluate(async () => (await fetch('/refuse')).json())
    await controlled.close()
    expect(refused).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(/^onnxServiceWorker: unknown option 'threads'.*assets, graphOptimization/),
    })
    expect(answer).toMatchObject({
      y: [3, -3],
      runtime: { provider: 'wasm', threads: 1, warnings: [expect.stringContaining('service worker')] },
    })
  })
})
