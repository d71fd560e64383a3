// The pipeline's steps in Chromium, on the web build of core: the same bits as Pillow, torchvision and torch gave.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium } from './browser/chromium.ts'
import { startServer, type TestServer } from './browser/server.ts'

const GOLDENS = new URL('../../core/test/goldens/pipeline/', import.meta.url)

/** Step of the page, its golden file, how many rows, and where a row has its golden, counted from its end. */
const STEPS: readonly [step: string, file: string, count: number, golden: number][] = [
  ['resize', 'resize', 720, -1],
  ['resize_legacy', 'resize', 720, -2],
  ['resize_rule', 'resize_rule', 320, -1],
  ['center_crop', 'center_crop', 640, -1],
  ['convert_image', 'convert_image', 400, -1],
  ['split_ycbcr', 'split_ycbcr', 320, -1],
  ['merge_ycbcr', 'merge_ycbcr', 480, -1],
  ['to_image', 'to_image', 400, -1],
  ['to_tensor', 'to_tensor', 320, -1],
  ['normalize', 'normalize', 320, -1],
  ['clamp', 'clamp', 320, -1],
  ['top_k', 'top_k', 320, -1],
]

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

describe.skipIf(chromiumPath === null)('steps in Chromium equal PyTorch’s', () => {
  let browser: Browser
  let server: TestServer
  let page: Page
  beforeAll(async () => {
    browser = await launchChromium()
    server = await startServer()
    page = await browser.newPage()
    await page.goto(`${server.origin}/steps.html`)
    await page.waitForFunction(() => 'steps' in globalThis)
  })
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  test.each(STEPS)('%s of %s.json: %i cases, none differs', async (step, file, count, column) => {
    const { cases } = JSON.parse(await readFile(new URL(`${file}.json`, GOLDENS), 'utf8')) as { cases: unknown[][] }
    const digests = await page.evaluate(({ step, cases }) => steps.digests(step, cases), { step, cases })
    const different = cases.filter((row, index) => {
      const golden = row.at(column)
      return digests[index] !== (Array.isArray(golden) ? digestOf(golden.join()) : golden)
    })
    expect([cases.length, digests.length]).toEqual([count, count])
    expect(different).toEqual([])
  })
})
