import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { chromiumPath, launchChromium } from '../../../backend-onnx-web/test/browser/chromium.ts'
import { bundlePath } from '../load-models.ts'
import { ask, post, startServer } from './start-server.ts'

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

test('every example of the description is answered with 200', async () => {
  const server = await startServer({ models: [...models, `bare=${join(bundlePath('digits'), 'model.onnx')}`] })
  const { json: document } = await ask(server, '/openapi.json')
  let sent = 0
  type Described = { parameters: { name: string; in: string; examples?: Record<string, { value: string }> }[] } & {
    requestBody?: { content: Record<string, { examples?: Record<string, { value: unknown }> }> }
  }
  for (const [path, methods] of Object.entries<Record<string, Described>>(document.paths)) {
    for (const [method, { parameters, requestBody }] of Object.entries(methods)) {
      for (const [name, { value }] of Object.entries(requestBody?.content['application/json']?.examples ?? {})) {
        let address = path
        for (const parameter of parameters) {
          const example = parameter.examples?.[name]?.value
          if (parameter.in === 'path') address = address.replace(`{${parameter.name}}`, example!)
          if (parameter.in === 'query' && example) address += `?${parameter.name}=${example}`
        }
        const init = {
          method: method.toUpperCase(),
          body: JSON.stringify(value),
          headers: { 'content-type': 'application/json' },
        }
        const { status, bytes } = await ask(server, address, init)
        expect([status, status === 200 ? '' : bytes.toString()], `${method} ${address}`).toEqual([200, ''])
        sent++
      }
    }
  }
  // infer of three, predict and the others' addresses of those with a picture, most with a version too.
  expect(sent).toBe(2 * 3 + 2 * 2 + 2 * 2 + 2 + 2)
})

test('an example is from the goldens; without a key nobody sees it', async () => {
  const server = await startServer({ apiKeys: ['secret'] })
  const headers = { 'x-api-key': 'secret' }
  expect((await ask(server, '/v2/models/digits/example')).status).toBe(401)
  const { json } = await ask(server, '/v2/models/digits/example', { headers })
  expect(json).toMatchObject({ model_name: 'digits', takes: [{ name: 'image', kind: 'image' }] })
  expect(Buffer.from(json.predict.image, 'base64')).toEqual(await readFile(join(bundlePath('digits'), 'held-out.png')))
  expect((await post(server, '/v2/models/digits/infer', JSON.stringify(json.infer), headers)).status).toBe(200)
  const describesDigits = async (init: RequestInit): Promise<boolean> =>
    (await ask(server, '/openapi.json', init)).bytes.toString().includes('"digits"')
  expect([await describesDigits({}), await describesDigits({ headers })]).toEqual([false, true])
})

describe.skipIf(chromiumPath === null)('Chromium', () => {
  test('a model of tensors has a form with its own example, and its result is a table', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tensorferry-form-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await cp(bundlePath('digits'), folder, { recursive: true })
    const manifest = JSON.parse(await readFile(join(folder, 'bundle.json'), 'utf8'))
    const tensors = { ...manifest, preprocess: [], postprocess: [], task: null }
    await writeFile(join(folder, 'bundle.json'), JSON.stringify(tensors))
    const server = await startServer({ models: [`tensors=${folder}`], verify: 'off' })
    const { json: example } = await ask(server, '/v2/models/tensors/example')
    const direct = await post(server, '/v2/models/tensors/infer', JSON.stringify(example.infer))
    const browser = await launchChromium()
    try {
      const page = await browser.newPage({ viewport: { width: 360, height: 740 } })
      const complaints: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error' && !message.text().includes('400')) complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(error.message))
      await page.goto(server.url)
      const cells = page.locator('table.grid input')
      await expect.poll(() => cells.count()).toBe(64)
      expect(await page.locator('#drop').isVisible()).toBe(false)
      const status = page.locator('#status')
      await page.locator('#send').click()
      await status.filter({ hasText: /^Done/ }).waitFor()
      const shown = await page.locator('#tables td.number').allTextContents()
      const expected = direct.json.outputs[0].data as number[]
      expect(shown).toHaveLength(10)
      for (const [index, text] of shown.entries()) expect(Number(text)).toBeCloseTo(expected[index]!, 3)
      expect(await page.locator('#tables caption').textContent()).toBe('logits FP32[1, 10]')

      // A cell that is changed changes the result; one that is no number is told by its place.
      await cells.first().fill('9.5')
      await page.locator('#send').click()
      await expect.poll(() => page.locator('#tables td.number').allTextContents()).not.toEqual(shown)
      expect(await page.locator('#curl').textContent()).toContain('/v2/models/tensors/infer')
      await cells.nth(9).fill('x')
      await page.locator('#send').click()
      await page.locator('#status.bad').waitFor()
      expect(await status.textContent()).toBe('image, row 1, column 1: expected a number, got “x”')
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
      expect(complaints).toEqual([])
    } finally {
      await browser.close()
    }
  })

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
        expect(await page.locator('.labels tr').count()).toBe(3)
        expect(await page.locator('.labels tr').first().textContent()).toMatch(/^8 0\.52/)
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
        expect(await page.locator('.labels').isVisible()).toBe(false)
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
      await operation.locator('button.execute').click()
      await operation.locator('.live-responses-table').filter({ hasText: 'binary_tensor_data' }).waitFor()
      expect(complaints).toEqual([])
    } finally {
      await browser.close()
    }
  })
})
