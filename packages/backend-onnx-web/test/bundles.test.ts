import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { chromiumPath, launchChromium, openPage } from './browser/chromium.ts'
import { startServer, type TestServer } from './browser/server.ts'
import type {} from './set-up.ts'

const COMMITTED = [
  'examples/bundles/digits',
  'examples/bundles/super-resolution-x3',
  'packages/core/test/fixtures/bundles/recurrent',
  'packages/core/test/fixtures/bundles/two-inputs',
].map((path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url)))
const encoders = inject('encoders')
const exported = (name: string): string[] => ('folder' in encoders ? [join(encoders.folder, name)] : [])

const ON_CPU = [...COMMITTED, ...exported('encoder-narrow'), ...exported('encoder')].map((path) => basename(path))
/** A GPU that is made of software takes minutes for the large one. */
const ON_GPU = ON_CPU.filter((name) => name !== 'encoder')

describe.skipIf(chromiumPath === null)('PyTorch’s goldens in Chromium', () => {
  let browser: Browser
  let server: TestServer
  beforeAll(async () => {
    browser = await launchChromium(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'])
    server = await startServer()
    for (const folder of [...COMMITTED, ...exported('encoder-narrow'), ...exported('encoder')]) {
      for (const file of await readdir(folder)) {
        server.files.set(`/models/${basename(folder)}/${file}`, await readFile(join(folder, file)))
      }
    }
  })
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  /** The cases that a bundle lists. */
  function goldensOf(name: string): readonly { readonly name: string; readonly stages?: readonly string[] }[] {
    return JSON.parse(Buffer.from(server.files.get(`/models/${name}/bundle.json`)!).toString()).goldens.cases
  }

  test.each(ON_CPU)('%s on wasm: every stage of every case', async (name) => {
    const page = await openPage(browser, server.origin)
    const { cases } = await page.evaluate(async (name) => {
      const model = await sdk.loadModel(`/models/${name}/`, { backend: sdk.onnxWeb({ threads: 1 }), verify: 'full' })
      await model.dispose()
      return model.report.verify
    }, name)
    const listed = goldensOf(name)
    expect(cases.map((one) => one.name)).toEqual(listed.map((one) => one.name))
    for (const { name: golden, stages = [] } of listed) {
      const compared = Object.keys(cases.find((one) => one.name === golden)!.stages)
      expect(compared).toEqual(expect.arrayContaining([...stages]))
    }
    for (const golden of cases) {
      expect(golden.skipped).toBeNull()
      for (const [stage, difference] of Object.entries(golden.stages)) {
        // Pictures and what is made of them are the same bits; the network's numbers are within the bundle's tolerance.
        if (stage === 'decoded' || stage === 'inputs') expect([stage, difference]).toEqual([stage, 0])
      }
    }
    await page.close()
  })

  test.each(ON_GPU)('%s on WebGPU: within tolerance', async (name) => {
    const page = await openPage(browser, server.origin)
    const { runtime, cases } = await page.evaluate(async (name) => {
      const model = await sdk.loadModel(`/models/${name}/`, {
        backend: sdk.onnxWeb({ provider: 'webgpu' }),
        verify: 'full',
      })
      await model.dispose()
      return { runtime: model.report.runtime, cases: model.report.verify.cases.map((one) => one.name) }
    }, name)
    expect(runtime).toMatchObject({ provider: 'webgpu', device: 'gpu' })
    expect(cases).toEqual(goldensOf(name).map((one) => one.name))
    await page.close()
  })

  describe('a provider that gives wrong numbers', () => {
    beforeAll(async () => {
      const LIE = `const post = postMessage.bind(globalThis)
globalThis.postMessage = (reply, transfer) => {
  if (reply.type === 'outputs') for (const { data } of Object.values(reply.outputs)) data[0] += 0.01
  post(reply, transfer)
}
`
      for (const name of ['ort-wasm-gpu.js', 'ort-wasm-gpu.wasm', 'worker-gpu.js']) {
        const content = await readFile(new URL(`../dist/${name}`, import.meta.url))
        server.files.set(
          `/lying/${name}`,
          name.startsWith('worker') ? Buffer.concat([Buffer.from(LIE), content]) : content,
        )
      }
    })

    test('is refused by verify, which says which case, tensor and difference', async () => {
      const page = await openPage(browser, server.origin)
      const error = await page.evaluate(() =>
        sdk.loadModel('/models/digits/', { backend: sdk.onnxWeb({ provider: 'webgpu', assets: '/lying/' }) }).then(
          () => null,
          (error) => error.toJSON(),
        ),
      )
      expect(error).toMatchObject({
        code: 'VERIFICATION_FAILED',
        message: expect.stringMatching(/onnxruntime-web on webgpu gives other numbers than golden \S+, output /),
        details: { stage: 'outputs', outside: 1 },
      })
      expect(error.details.maxAbs).toBeCloseTo(0.01, 4)
      await page.close()
    })

    test('makes way for the next backend of a list, and the report says so', async () => {
      const page = await openPage(browser, server.origin)
      const report = await page.evaluate(async () => {
        const lying = sdk.onnxWeb({ provider: 'webgpu', assets: '/lying/' })
        const model = await sdk.loadModel('/models/digits/', { backend: [lying, sdk.onnxWeb({ threads: 1 })] })
        await model.dispose()
        return { ...model.report, text: sdk.formatReport(model.report) }
      })
      expect(report.runtime.provider).toBe('wasm')
      expect(report.attempts).toMatchObject([
        { outcome: 'refused', stage: 'verify', code: 'VERIFICATION_FAILED' },
        { outcome: 'chosen', stage: 'verify', code: null },
      ])
      expect(report.text).toMatch(
        /refused +onnx-web at verify: VERIFICATION_FAILED: onnxruntime-web on webgpu gives other/,
      )
      // The worker of the refused one has ended too.
      await expect.poll(() => page.workers().length, { timeout: 20_000 }).toBe(0)
      await page.close()
    })
  })
})
