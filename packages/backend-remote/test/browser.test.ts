import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import type { ConformanceReport } from '@tensorferry/core/testing'
import { serve } from '@tensorferry/server'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium } from '../../backend-onnx-web/test/browser/chromium.ts'
import { writeFixtures } from './servers/fixture-files.ts'

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('pages/conformance.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
    // As an app has it: without this workspace's own paths.
    tsconfigRaw: {},
  })
  return outputFiles[0]!.text
}

test("a page's bundle holds nothing of gRPC", async () => {
  const script = await bundlePage()
  expect(script).toContain('/v2/models/')
  expect(script).not.toMatch(/grpc-js|protobuf|GRPCInferenceService|node:/)
})

/** The page at its own origin. */
async function servePage() {
  const script = await bundlePage()
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

describe.skipIf(chromiumPath === null)('Chromium', () => {
  test('the conformance kit passes from a page of another origin, by JSON and binary', {
    timeout: 300_000,
  }, async () => {
    const { files, remove } = await writeFixtures()
    const models = files.map(({ fixture, model }) => ({ name: fixture.name, source: model }))
    await using server = await serve({ backend: onnxNode({ threads: 1 }), port: 0, cors: true, models })
    const page = await servePage()
    const browser = await launchChromium()
    try {
      const tab = await browser.newPage()
      await tab.goto(page.url)
      await tab.waitForFunction(() => 'conformanceOf' in globalThis)
      for (const protocol of ['rest-json', 'rest-binary'] as const) {
        const report: ConformanceReport = await tab.evaluate(([url, kind]) => conformanceOf(url, kind), [
          server.url,
          protocol,
        ] as const)
        expect(report.results.filter(({ status }) => status === 'failed')).toEqual([])
        expect(report.passed).toBeGreaterThan(100)
      }
      expect(await tab.evaluate(() => grpcCode())).toBe('BACKEND_UNAVAILABLE')
    } finally {
      await browser.close()
      page.close()
      await remove()
    }
  })
})
