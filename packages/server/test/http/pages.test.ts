import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium } from '../../../backend-onnx-web/test/browser/chromium.ts'
import { bundlePath } from '../load-models.ts'
import { ask, startServer } from './start-server.ts'

const photo = join(bundlePath('super-resolution-x3'), 'photo.png')
const models = [bundlePath('digits'), bundlePath('super-resolution-x3')]

test('pages have a strict policy; without them nothing is there', async () => {
  const server = await startServer()
  for (const path of ['/', '/page/app.js', '/page/style.css']) {
    const policy = (await ask(server, path)).headers.get('content-security-policy')
    expect(policy, path).toContain("default-src 'none'; script-src 'self'; style-src 'self';")
  }
  const docs = (await ask(server, '/docs')).headers.get('content-security-policy')
  expect(docs).toContain("default-src 'none'; script-src 'self';")
  const bare = await startServer({ pages: false })
  for (const path of ['/', '/docs', '/openapi.json', '/page/app.js']) expect((await ask(bare, path)).status).toBe(404)
})

describe.skipIf(chromiumPath === null)('Chromium', () => {
  test.each(['light', 'dark'] as const)(
    'a picture that is chosen runs at once: labels, then an image, %s',
    async (colorScheme) => {
      const server = await startServer({ models })
      const browser = await launchChromium()
      try {
        const context = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme })
        const page = await context.newPage()
        const complaints: string[] = []
        page.on('console', (message) => {
          if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
        })
        page.on('pageerror', (error) => complaints.push(error.message))
        await page.goto(server.url)
        await page.locator('#file').setInputFiles(photo)
        const status = page.locator('#status')
        await status.filter({ hasText: /^Done in \d+ ms/ }).waitFor()
        expect(await page.locator('#labels tr').count()).toBe(3)
        expect(await page.locator('#labels tr').first().textContent()).toMatch(/^8 0\.52/)
        expect(await page.locator('#before').evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(40)
        expect(await page.locator('#curl').textContent()).toBe(
          `curl --data-binary @'photo.png' '${server.url}/predict/digits'`,
        )

        // By keyboard: the model, then the button.
        await page.locator('#model').focus()
        await page.keyboard.press('ArrowDown')
        await page.locator('#after-figure').waitFor()
        const after = page.locator('#after')
        await expect.poll(() => after.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(120)
        expect(await page.locator('#labels').isVisible()).toBe(false)
        await expect
          .poll(() => page.locator('#curl').textContent())
          .toBe(
            `curl --output 'super-resolution-x3.png' --data-binary @'photo.png' '${server.url}/predict/super-resolution-x3'`,
          )
        await page.locator('#send').focus()
        await page.keyboard.press('Enter')
        await expect.poll(() => page.locator('#send').isEnabled()).toBe(true)
        await status.filter({ hasText: /^Done/ }).waitFor()

        await page.locator('#file').setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('none') })
        await page.locator('#status.bad').waitFor()
        expect(await status.textContent()).toMatch(/PNG|picture|image/i)
        await expect.poll(() => page.locator('#before-figure').isVisible()).toBe(false)
        const width = await page.evaluate(() => document.documentElement.scrollWidth)
        expect(width).toBeLessThanOrEqual(360)
        // What the server refuses is told by the page, and by the browser's console of its own accord.
        expect(complaints.filter((text) => !text.includes('400 (Bad Request)'))).toEqual([])
      } finally {
        await browser.close()
      }
    },
  )

  test('with API keys the page asks for one', async () => {
    const server = await startServer({ models, apiKeys: ['secret'] })
    const browser = await launchChromium()
    try {
      const page = await browser.newPage()
      await page.goto(server.url)
      await page.locator('#key').fill('secret')
      await page.locator('#key').press('Tab')
      await expect.poll(() => page.locator('#model option').count()).toBe(2)
      await page.locator('#file').setInputFiles(photo)
      await page.locator('#status').filter({ hasText: /^Done/ }).waitFor()
      expect(await page.locator('#curl').textContent()).toContain("-H 'X-API-Key: …'")
    } finally {
      await browser.close()
    }
  })

  test('the description can be tried in its page, without a complaint of the browser', async () => {
    const server = await startServer({ models })
    const browser = await launchChromium()
    try {
      const page = await browser.newPage()
      const complaints: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text())
      })
      await page.goto(`${server.url}/docs`)
      expect(await page.title()).toBe('Tensorferry API')
      const operation = page.locator('#operations-server-serverMetadata')
      await operation.locator('button').first().click()
      await operation.locator('button', { hasText: 'Try it out' }).click()
      await operation.locator('button.execute').click()
      await operation.locator('.live-responses-table').filter({ hasText: 'binary_tensor_data' }).waitFor()
      expect(complaints).toEqual([])
    } finally {
      await browser.close()
    }
  })
})
