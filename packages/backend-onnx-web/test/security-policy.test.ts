import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium, openPage } from './browser/chromium.ts'
import { startServer } from './browser/server.ts'

describe.skipIf(chromiumPath === null)('a page that allows its own origin alone, no blob and no eval', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser.close())

  test.each([
    { isolated: false, threads: 1 },
    { isolated: true, threads: expect.toSatisfy((threads: number) => threads >= 1) },
  ])('isolated: $isolated', async ({ isolated, threads }) => {
    const server = await startServer({ isolated })
    const page = await openPage(browser, server.origin)
    const refused: string[] = []
    page.on('console', (message) => refused.push(message.text()))
    const { output, runtime } = await page.evaluate(async () => {
      const [fixture] = sdk.fixturesFor('onnx').filter(({ traits }) => traits.includes('general'))
      const { artifact, goldens } = await fixture!.load()
      const session = await sdk.onnxWeb().createSession({ artifact })
      const outputs = await session.run(goldens[0]!.inputs)
      const worst = Object.entries(outputs).map(([name, { data }]) =>
        Math.max(
          ...Array.from(data as Float32Array, (value, i) =>
            Math.abs(value - Number(goldens[0]!.outputs[name]!.data[i])),
          ),
        ),
      )
      const { runtime } = session
      await session.dispose()
      return { output: Math.max(...worst), runtime }
    })
    expect(output).toBeLessThan(1e-6)
    expect(runtime).toMatchObject({
      name: 'onnxruntime-web',
      version: '1.30.0',
      provider: 'wasm',
      device: 'cpu',
      threads,
    })
    expect(runtime.warnings.join()).toMatch(isolated ? /^$/ : /not cross-origin isolated.*Cross-Origin-Opener-Policy/)
    expect(refused).toEqual([])
    await server.close()
  })
})
