// What a page really asks for before its first answer: the figures of its size count these files.
import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { buildApp } from '../../../benchmarks/onnx-web/download-size.mjs'
import { chromiumPath, launchChromium } from './browser/chromium.ts'
import { startServer } from './browser/server.ts'

const DIGITS = new URL('../../../examples/bundles/digits/', import.meta.url)

declare global {
  /** The app's own. */
  function load(url: string): ReturnType<typeof sdk.loadModel>
}

test.skipIf(chromiumPath === null)(
  'a page that loads digits and names one downloads the files that are counted',
  async () => {
    const { files, loaded } = await buildApp()
    const asked = new Set<string>()
    const server = await startServer({
      intercept(request) {
        asked.add(request.url!.slice(1))
        return false
      },
    })
    for (const [name, content] of files) server.files.set(`/${name}`, content)
    for (const name of await readdir(DIGITS)) server.files.set(`/models/${name}`, await readFile(new URL(name, DIGITS)))
    const browser = await launchChromium()
    const page = await browser.newPage()
    await page.goto(`${server.origin}/stdin.html`)
    await page.waitForFunction(() => 'load' in globalThis)
    const verified = await page.evaluate(async () => {
      const model = await load('/models/')
      await model.predict({ mode: 'L', width: 28, height: 28, data: new Uint8Array(784) })
      await model.dispose()
      return model.report.verify.cases.length
    })
    expect(verified).toBe(1)
    const scripts = [...asked].filter((path) => /\.(?:js|wasm)$/.test(path)).sort()
    expect(scripts).toEqual([...loaded, 'worker.js', 'ort-wasm.js', 'ort-wasm.wasm'].sort())
    await browser.close()
    await server.close()
  },
)
