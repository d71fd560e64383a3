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

describe('Node', () => {
  const context = { backend: onnxWeb(), features }
  describe.each(fixtures)('$name', (fixture) => {
    test.each(casesFor(fixture, features))('$name', ({ run }) => run(context, fixture))
  })
})

describe.skipIf(chromiumPath === null)('Chromium', () => {
  let report: ConformanceReport
  beforeAll(async () => {
    const browser = await launchChromium()
    const server = await startServer({ isolated: true })
    const page = await openPage(browser, server.origin)
    report = await page.evaluate(
      (known) =>
        sdk.runConformance({ backend: sdk.onnxWeb(), features: known, fixtures: sdk.fixturesFor('onnx', known) }),
      features,
    )
    await browser.close()
    await server.close()
  }, 300_000)

  describe.each(fixtures)('$name', (fixture) => {
    test.each(casesFor(fixture, features))('$name', (rule) => {
      const result = report.results.find((one) => one.case === rule.name && one.fixture === fixture.name)
      expect(result).toMatchObject({ status: 'passed', reason: null })
    })
  })
})
