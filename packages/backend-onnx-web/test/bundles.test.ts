import { readdir, readFile } from 'node:fs/promises'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium, openPage } from './browser/chromium.ts'
import { startServer, type TestServer } from './browser/server.ts'

const BUNDLES = [
  'examples/bundles/digits',
  'examples/bundles/super-resolution-x3',
  'packages/core/test/fixtures/bundles/recurrent',
  'packages/core/test/fixtures/bundles/two-inputs',
]

describe.skipIf(chromiumPath === null)('PyTorch’s goldens in Chromium', () => {
  let browser: Browser
  let server: TestServer
  beforeAll(async () => {
    browser = await launchChromium(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'])
    server = await startServer()
    for (const path of BUNDLES) {
      const folder = new URL(`../../../${path}/`, import.meta.url)
      const name = path.split('/').at(-1)
      for (const file of await readdir(folder)) {
        server.files.set(`/models/${name}/${file}`, await readFile(new URL(file, folder)))
      }
    }
  })
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  test.each(BUNDLES.map((path) => path.split('/').at(-1)!))('%s on wasm: every stage of every case', async (name) => {
    const page = await openPage(browser, server.origin)
    const { cases } = await page.evaluate(async (name) => {
      const model = await sdk.loadModel(`/models/${name}/`, { backend: sdk.onnxWeb({ threads: 1 }), verify: 'full' })
      await model.dispose()
      return model.report.verify
    }, name)
    const { goldens } = JSON.parse(Buffer.from(server.files.get(`/models/${name}/bundle.json`)!).toString())
    const listed = goldens.cases as { readonly name: string; readonly stages?: readonly string[] }[]
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

  test('digits on WebGPU: within tolerance', async () => {
    const page = await openPage(browser, server.origin)
    const { runtime, cases } = await page.evaluate(async () => {
      const model = await sdk.loadModel('/models/digits/', {
        backend: sdk.onnxWeb({ provider: 'webgpu' }),
        verify: 'full',
      })
      await model.dispose()
      return { runtime: model.report.runtime, cases: model.report.verify.cases.length }
    })
    expect(runtime).toMatchObject({ provider: 'webgpu', device: 'gpu' })
    expect(cases).toBeGreaterThan(0)
    await page.close()
  })
})
