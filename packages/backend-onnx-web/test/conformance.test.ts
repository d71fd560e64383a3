import { onnxWeb } from '@tensorferry/backend-onnx-web'
import { type BackendFeatures, type ConformanceReport, casesFor, fixturesFor } from '@tensorferry/core/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium, openPage } from './browser/chromium.ts'
import { startServer } from './browser/server.ts'

const features: BackendFeatures = {
  offThread: true,
  readsFiles: true,
  dtypes: ['float64', 'float32', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool', 'string'],
}
const fixtures = fixturesFor('onnx', features)

async function runInChromium(): Promise<ConformanceReport> {
  const browser = await launchChromium()
  const server = await startServer({ isolated: true })
  try {
    const page = await openPage(browser, server.origin)
    return await page.evaluate(
      (known) =>
        sdk.runConformance({ backend: sdk.onnxWeb(), features: known, fixtures: sdk.fixturesFor('onnx', known) }),
      features,
    )
  } finally {
    await browser.close()
    await server.close()
  }
}

let inChromium: Promise<ConformanceReport>
beforeAll(() => {
  if (chromiumPath === null) return
  // Beside Node's cases: each leaves a core to the other.
  inChromium = runInChromium()
  inChromium.catch(() => 'thrown where it is awaited')
})

describe('Node', () => {
  const context = { backend: onnxWeb(), features }
  describe.each(fixtures)('$name', (fixture) => {
    test.each(casesFor(fixture, features))('$name', ({ run }) => run(context, fixture))
  })
})

describe.skipIf(chromiumPath === null)('Chromium', () => {
  let report: ConformanceReport
  beforeAll(async () => {
    report = await inChromium
  }, 300_000)

  describe.each(fixtures)('$name', (fixture) => {
    test.each(casesFor(fixture, features))('$name', (rule) => {
      const result = report.results.find((one) => one.case === rule.name && one.fixture === fixture.name)
      expect(result).toMatchObject({ status: 'passed', reason: null })
    })
  })
})
