// The built page on a real server in real Chromium.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { bundle, decodeImage, loadModel } from '@tensorferry/core'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium } from '../../packages/backend-onnx-web/test/browser/chromium.ts'
import {
  BUNDLES,
  buildPlayground,
  drawDigit,
  holdBack,
  ISOLATION,
  openDigits,
  openPlayground,
  readDrawings,
  ready,
  reportOf,
  seriousViolations,
} from './test/playground.ts'
import { type StaticServer, startStaticServer } from './test/static-server.ts'

const PHOTO = fileURLToPath(new URL('../super-resolution/photo.png', import.meta.url))
/** The README of backend-onnx-web: what a careful site sends. */
const STRICT = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'"

describe.skipIf(chromiumPath === null)('the playground', () => {
  let built: Awaited<ReturnType<typeof buildPlayground>>
  let server: StaticServer
  let browser: Browser
  beforeAll(async () => {
    built = await buildPlayground()
    server = await startStaticServer({ '/': built.folder }, { ...ISOLATION, 'content-security-policy': STRICT })
    browser = await launchChromium([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
    ])
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    await built?.remove()
  })

  test('names at least 18 of 20 digits that were drawn on its canvas', async () => {
    const { page, complaints, close } = await openPlayground(browser, server.origin)
    await openDigits(page)
    const { width, drawings } = await readDrawings()
    const named: string[] = []
    for (const drawing of drawings) named.push(`${drawing.digit}: ${await drawDigit(page, drawing, width)}`)
    const wrong = named.filter((one) => one[0] !== one.at(-1))
    console.log(
      `playground: ${named.length - wrong.length} of ${named.length} drawn digits right; wrong: ${wrong.join(', ')}`,
    )
    expect(named.length).toBe(20)
    expect(wrong.length, wrong.join(', ')).toBeLessThanOrEqual(2)
    expect(await page.locator('#stages .stage-name').allTextContents()).toEqual([
      'input',
      'decode_image',
      'resize',
      'to_tensor',
      'normalize',
      'output logits',
      'softmax',
      'top_k',
    ])
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByText('Draw a digit', { exact: true }).waitFor()
    expect(complaints).toEqual([])
    await close()
  })

  test('enlarges a file to Node’s very pixels', async () => {
    const { page, complaints, close } = await openPlayground(browser, server.origin)
    await page.locator('#input input[type=file]').setInputFiles(join(BUNDLES, 'super-resolution-x3', 'photo.png'))
    await page.getByText('120 × 90 pixels').waitFor()
    const waiting = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download as PNG' }).click()
    const file = await readFile(await (await waiting).path())
    await using model = await loadModel(bundle<{ task: 'image-to-image' }>(join(BUNDLES, 'super-resolution-x3')), {
      backend: onnxNode(),
    })
    const expected = await model.predict(await readFile(join(BUNDLES, 'super-resolution-x3', 'photo.png')))
    const got = await decodeImage(file)
    expect([got.width, got.height]).toEqual([120, 90])
    expect(got.data.every((level, index) => level === expected.data[index])).toBe(true)
    expect(await page.locator('#numbers tbody tr').count()).toBe(3)
    expect(complaints).toEqual([])
    await close()
  })

  test('changes threads and provider, and keeps what runs when one is refused', async () => {
    const { page, close } = await openPlayground(browser, server.origin)
    await openDigits(page)
    await page.getByRole('button', { name: '7', exact: true }).click()
    await page.getByText('7', { exact: true }).first().waitFor()
    await page.getByRole('radio', { name: 'CPU, 1 thread' }).check()
    await expect.poll(() => reportOf(page, 'Threads')).toBe('1')
    await page.getByRole('radio', { name: 'WebNN' }).click()
    const refused = page.locator('#model .error')
    await refused.waitFor()
    expect(await refused.textContent()).toMatch(
      /WebNN was refused; CPU, 1 thread still runs BACKEND_UNAVAILABLE\s*\S.*\.$/,
    )
    expect(await page.getByRole('radio', { name: 'CPU, 1 thread' }).isChecked()).toBe(true)
    expect(await page.locator('#report .refusals').textContent()).toMatch(/^WebNN BACKEND_UNAVAILABLE: /)
    await page.getByRole('radio', { name: 'WebGPU' }).check()
    await expect.poll(() => reportOf(page, 'Provider'), { timeout: 60_000 }).toMatch(/^webgpu/)
    expect(await refused.count()).toBe(0)
    await page.getByRole('button', { name: 'Run 20 times' }).click()
    await expect
      .poll(() => page.locator('#times caption').textContent(), { timeout: 60_000 })
      .toMatch(/last 2[2-9] runs/)
    const columns = await page.locator('#times thead th').allTextContents()
    expect(columns).toEqual(expect.arrayContaining(['CPU, 1 thread', 'WebGPU']))
    expect(await page.locator('#times tbody tr').last().textContent()).toMatch(/total\s*(\d[\d.]* m?s\s*){2,3}/)
    expect(await page.locator('#result .best-label').textContent()).toBe('7')
    await close()
  })

  test('takes a bundle by its address, of another site too', async () => {
    const open = await startStaticServer({ '/': built.folder }, ISOLATION)
    const models = await startStaticServer({ '/models/': BUNDLES }, { 'access-control-allow-origin': '*' })
    const { page, close } = await openPlayground(browser, open.origin)
    await page.getByRole('radio', { name: 'Your own bundle' }).check()
    await page.getByLabel('Address of a bundle').fill('nonsense://x')
    await page.getByRole('button', { name: 'Load', exact: true }).click()
    await page.getByText(/Expected the address of a folder with bundle\.json/).waitFor()
    await page.getByLabel('Address of a bundle').fill(`${models.origin}/models/nowhere`)
    await page.getByRole('button', { name: 'Load', exact: true }).click()
    await page
      .getByText(/the server answered 404/)
      .first()
      .waitFor()
    await page.getByLabel('Address of a bundle').fill(`${models.origin}/models/digits`)
    await page.keyboard.press('Enter')
    await ready(page, 'digits 1.0.0')
    expect(await reportOf(page, 'From')).toBe(`${models.origin}/models/digits/`)
    expect(models.sent.map(({ path }) => path)).toContain('/models/digits/model.onnx')
    await close()
    await Promise.all([open.close(), models.close()])
  })

  test('takes a folder, picked or dropped, and sends nothing', async () => {
    const { page, complaints, close } = await openPlayground(browser, server.origin)
    // The page begins with a bundle of its own.
    await ready(page, 'super-resolution-x3 1.0.0')
    await page.waitForLoadState('networkidle')
    await page.getByRole('radio', { name: 'Your own bundle' }).check()
    const before = server.sent.length
    await page.locator('.own input[type=file]').setInputFiles(join(BUNDLES, 'digits'))
    await ready(page, 'digits 1.0.0')
    expect(await reportOf(page, 'Downloaded')).toBe('nothing: the files were given')
    await page.locator('#input input[type=file]').setInputFiles(join(BUNDLES, 'digits', 'drawn.png'))
    await page.locator('#result .best-label', { hasText: '7' }).waitFor()
    await dropOn(page, [join(BUNDLES, 'super-resolution-x3')])
    await ready(page, 'super-resolution-x3 1.0.0')
    expect(await reportOf(page, 'Downloaded')).toBe('nothing: the files were given')
    await dropOn(page, [PHOTO])
    await page.getByText('450 × 300 pixels').waitFor()
    expect(server.sent.slice(before).filter(({ path }) => path.includes('bundles'))).toEqual([])
    expect(complaints).toEqual([])
    await close()
  })

  // The service worker would answer in place of what is held back.
  const unassisted = { serviceWorkers: 'block' } as const

  test('shows the later of two pictures, whichever is opened first', async () => {
    const { page, close } = await openPlayground(browser, server.origin, unassisted)
    await page.getByText('450 × 300 pixels').waitFor()
    const held = await holdBack(page, /photo-original.*\.png$/)
    await page.getByRole('button', { name: 'Photo, 450 × 300' }).click()
    await held.asked
    await page.locator('#input input[type=file]').setInputFiles(join(BUNDLES, 'super-resolution-x3', 'photo.png'))
    await page.getByText('120 × 90 pixels').waitFor()
    await held.release()
    // Longer than the earlier picture takes to be opened.
    await page.getByRole('button', { name: 'Run 20 times' }).click()
    await expect.poll(() => page.locator('#times caption').textContent(), { timeout: 60_000 }).toMatch(/last 2\d runs/)
    expect(await page.locator('#input figcaption').textContent()).toBe('40 × 30 pixels')
    const large = await sharp({ create: { width: 6000, height: 4000, channels: 3, background: 'teal' } })
      .jpeg()
      .toBuffer()
    const file = { name: 'large.jpg', mimeType: 'image/jpeg', buffer: large }
    await page.locator('#input input[type=file]').setInputFiles(file)
    await page.getByRole('button', { name: 'Photo, 150 × 100' }).click()
    await page.getByText('450 × 300 pixels').waitFor({ timeout: 60_000 })
    expect(await page.locator('#input figcaption').textContent()).toBe('150 × 100 pixels')
    await close()
  })

  test('gives no model the picture that was meant for another', async () => {
    const { page, complaints, close } = await openPlayground(browser, server.origin, unassisted)
    await page.getByText('450 × 300 pixels').waitFor()
    for (const before of ['super-resolution', 'digits']) {
      if (before === 'digits') await openDigits(page)
      const held = await holdBack(page, /photo(-original)?-[^/]*\.png$/)
      if (before === 'digits') {
        await page.evaluate(() => document.querySelector<HTMLInputElement>('input[value="super-resolution"]')!.click())
      } else {
        await page.getByRole('button', { name: 'Photo, 450 × 300' }).click()
      }
      await held.asked
      await openDigits(page)
      await held.release()
      // The model is loaded anew and would run what there is.
      const threads = (await page.getByRole('radio', { name: 'CPU, 1 thread' }).isChecked())
        ? 'WebGPU'
        : 'CPU, 1 thread'
      await page.getByRole('radio', { name: threads }).check()
      await expect.poll(() => reportOf(page, 'Provider'), { timeout: 60_000 }).toMatch(/^w/)
      await page.locator('.status.ready', { hasText: threads.replace(/,.*/, '') }).waitFor({ timeout: 60_000 })
      await page.getByText('Draw a digit', { exact: true }).waitFor()
      expect(await page.locator('#result .best').count()).toBe(0)
      await page.getByRole('button', { name: '7', exact: true }).click()
      await page.locator('#result .best-label', { hasText: '7' }).waitFor()
      expect(await page.locator('#input .error').count()).toBe(0)
    }
    expect(complaints.filter((text) => !/service.?worker/i.test(text))).toEqual([])
    await close()
  })

  test('makes a large picture smaller that was chosen before its bundle was there', async () => {
    const { page, close } = await openPlayground(browser, server.origin, unassisted)
    await page.getByRole('radio', { name: 'Your own bundle' }).check()
    const held = await holdBack(page, /\/bundle\.json$/)
    await page.getByLabel('Address of a bundle').fill(`${server.origin}/bundles/super-resolution-x3/`)
    await page.keyboard.press('Enter')
    await held.asked
    const buffer = await sharp({ create: { width: 1200, height: 800, channels: 3, background: 'teal' } })
      .png()
      .toBuffer()
    await page.locator('#input input[type=file]').setInputFiles({ name: 'large.png', mimeType: 'image/png', buffer })
    await page.getByText('1200 × 800 pixels').waitFor()
    await held.release()
    await page
      .getByText(/made smaller first, from 1200 × 800/)
      .first()
      .waitFor({ timeout: 60_000 })
    await page.locator('.compare').waitFor({ timeout: 60_000 })
    await close()
  })

  test('says one thing of what was given last', async () => {
    const { page, close } = await openPlayground(browser, server.origin)
    await page.getByRole('radio', { name: 'Your own bundle' }).check()
    const load = page.getByRole('button', { name: 'Load', exact: true })
    const errors = page.locator('#model .error')
    const folder = page.locator('.own input[type=file]')
    for (const address of ['', 'file:///etc/', 'not a url']) {
      await page.getByLabel('Address of a bundle').fill(address)
      await load.click()
      await errors.waitFor()
      expect(await errors.textContent()).toMatch(/^No bundle’s address/)
      await folder.setInputFiles(join(BUNDLES, 'digits'))
      await ready(page, 'digits 1.0.0')
      expect(await errors.count()).toBe(0)
    }
    await folder.setInputFiles(fileURLToPath(new URL('../digits/samples', import.meta.url)))
    await expect
      .poll(() => errors.textContent())
      .toMatch(/NOT_FOUND\s*Expected a folder with bundle\.json.* this one has .*\.png.* and \d+ more\.$/)
    await load.click()
    await expect.poll(() => errors.allTextContents()).toEqual([expect.stringMatching(/^No bundle’s address/)])
    // A site that is there and does not allow it.
    const closed = await startStaticServer({ '/': BUNDLES })
    await page.getByLabel('Address of a bundle').fill(`${closed.origin}/digits/`)
    await load.click()
    await expect
      .poll(() => errors.textContent())
      .toMatch(/Expected an answer from http:.*Access-Control-Allow-Origin\?$/)
    expect(await errors.count()).toBe(1)
    await Promise.all([close(), closed.close()])
  })

  test('says what is wrong with a file', async () => {
    const { page, close } = await openPlayground(browser, server.origin)
    await page.getByText('450 × 300 pixels').waitFor()
    const choose = page.locator('#input input[type=file]')
    await choose.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('not a picture') })
    const error = page.locator('#input .error')
    await error.waitFor()
    expect(await error.textContent()).toMatch(/INPUT_INVALID\s*Expected a JPEG, PNG or WebP file/)
    expect(await page.locator('#announcement').textContent()).toMatch(/^Expected a JPEG/)
    expect(await page.locator('#result .compare').count()).toBe(0)
    await choose.setInputFiles(PHOTO)
    await page.getByText('450 × 300 pixels').waitFor()
    expect(await error.count()).toBe(0)
    await close()
  })

  test('turns a phone’s picture upright', async () => {
    const { page, complaints, close } = await openPlayground(browser, server.origin)
    await page.getByText('450 × 300 pixels').waitFor()
    const buffer = await sharp(PHOTO).rotate(-90).jpeg().withMetadata({ orientation: 6 }).toBuffer()
    await page.locator('#input input[type=file]').setInputFiles({ name: 'phone.jpg', mimeType: 'image/jpeg', buffer })
    await page.getByText('turned upright, as its EXIF data say').first().waitFor()
    await page.getByText('450 × 300 pixels').waitFor()
    expect(complaints).toEqual([])
    await close()
  })

  test('takes a picture with the camera and switches it off; takes a pasted one', async () => {
    const { page, complaints, close } = await openPlayground(browser, server.origin)
    await page.evaluate(() => {
      const given = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await given(wanted)
        Object.assign(globalThis, { cameraTracks: stream.getTracks() })
        return stream
      }
    })
    await page.getByRole('button', { name: 'Camera' }).click()
    await page.getByRole('button', { name: 'Take a picture' }).click()
    await page
      .getByText(/made smaller first, from 640 × 480/)
      .first()
      .waitFor({ timeout: 60_000 })
    const states = () =>
      (globalThis as unknown as { cameraTracks: MediaStreamTrack[] }).cameraTracks.map(({ readyState }) => readyState)
    expect(await page.evaluate(states)).toEqual(['ended'])
    const bytes = [...(await readFile(PHOTO))]
    await page.evaluate((content) => {
      const clipboardData = new DataTransfer()
      clipboardData.items.add(new File([new Uint8Array(content)], 'pasted.png', { type: 'image/png' }))
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    }, bytes)
    await page.getByText('450 × 300 pixels').waitFor({ timeout: 60_000 })
    expect(complaints).toEqual([])
    await close()
  })

  test('works offline after the first visit, and the second one fetches no model', async () => {
    const host = await startStaticServer({ '/': built.folder })
    const { page, complaints, close } = await openPlayground(browser, host.origin)
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready
    })
    await expect.poll(() => reportOf(page, 'Offline')).toBe('yes, from the next visit on')
    expect(await reportOf(page, 'Threads')).toBe('1')
    const visit = host.sent.length
    await page.reload()
    await ready(page, 'super-resolution-x3')
    expect(await reportOf(page, 'Downloaded')).toMatch(/^0 bytes/)
    expect(host.sent.slice(visit).filter(({ path }) => path.endsWith('.onnx') || path.endsWith('.wasm'))).toEqual([])
    // No headers of the host's: the service worker gave them.
    await expect.poll(() => reportOf(page, 'Isolated')).toMatch(/by this page’s service worker/)
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true)
    const sent = host.sent.length
    await host.close()
    await page.reload()
    await ready(page, 'super-resolution-x3')
    await page.locator('.compare').waitFor()
    await openDigits(page)
    await page.getByRole('button', { name: '3', exact: true }).click()
    await page.locator('#result .best-label', { hasText: '3' }).waitFor()
    expect(host.sent.length).toBe(sent)
    expect(complaints.filter((text) => !text.includes('net::ERR'))).toEqual([])
    await close()
  })

  test('is used by keyboard alone', async () => {
    const { page, close } = await openPlayground(browser, server.origin)
    const focused = () =>
      page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.ariaLabel)
    const tabTo = async (name: string | RegExp): Promise<void> => {
      for (let presses = 0; presses < 40; presses++) {
        await page.keyboard.press('Tab')
        const reached = (await focused()) ?? ''
        if (typeof name === 'string' ? reached === name : name.test(reached)) return
      }
      throw new Error(`forty times Tab do not reach ${name}`)
    }
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the playground')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowDown')
    await ready(page, 'digits')
    expect(await page.getByRole('radio', { name: 'Read a digit' }).isChecked()).toBe(true)
    await tabTo('4')
    await page.keyboard.press('Enter')
    await page.locator('#result .best-label', { hasText: '4' }).waitFor()
    expect(await page.locator('#announcement').textContent()).toMatch(/^Result: 4, \d+ percent\.$/)
    await tabTo('Run 20 times')
    await page.keyboard.press('Space')
    await expect.poll(() => page.locator('#times caption').textContent()).toMatch(/last 21 runs/)
    await page.getByRole('radio', { name: 'Enlarge a picture' }).focus()
    await page.keyboard.press('Space')
    await page.locator('.compare').waitFor()
    const slider = page.getByRole('slider')
    await slider.focus()
    await page.keyboard.press('ArrowRight')
    expect(await slider.inputValue()).toBe('51')
    await close()
  })

  test.each(['light', 'dark'] as const)('axe finds nothing serious: %s', async (colorScheme) => {
    const { page, close } = await openPlayground(browser, server.origin, { colorScheme, reducedMotion: 'reduce' })
    await page.locator('.compare').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByRole('radio', { name: 'WebNN' }).click()
    await page.locator('#model .error').waitFor()
    await openDigits(page)
    await page.getByRole('button', { name: '8', exact: true }).click()
    await page.locator('#result .best-label').waitFor()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByRole('radio', { name: 'Your own bundle' }).check()
    expect(await seriousViolations(page)).toEqual([])
    await page.getByLabel('Colours').selectOption(colorScheme === 'dark' ? 'light' : 'dark')
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    expect(background).toBe(colorScheme === 'dark' ? 'rgb(243, 246, 244)' : 'rgb(15, 21, 19)')
    await close()
  })

  test('fits 360 pixels', async () => {
    const viewport = { width: 360, height: 760 }
    const { page, close } = await openPlayground(browser, server.origin, { viewport })
    const width = () => page.evaluate(() => document.documentElement.scrollWidth)
    await page.locator('.compare').waitFor()
    expect(await width()).toBe(360)
    await openDigits(page)
    await page.getByRole('button', { name: '5', exact: true }).click()
    await page.locator('#result .best-label').waitFor()
    expect(await width()).toBe(360)
    await page.getByRole('radio', { name: 'Your own bundle' }).check()
    await page.getByLabel('Address of a bundle').fill(`${server.origin}/${'very-long-name'.repeat(12)}/`)
    await page.getByRole('button', { name: 'Load', exact: true }).click()
    await page.locator('#model .error').waitFor()
    expect(await width()).toBe(360)
    await close()
  })

  test('has its text in the page itself, and no script in it', async () => {
    const html = await readFile(join(built.folder, 'index.html'), 'utf8')
    expect(html).toMatch(/<h1>A PyTorch model, in this tab<\/h1>/)
    expect(html.match(/<script\b[^>]*>[^<]+/g)).toBeNull()
    expect(html).not.toMatch(/\son\w+=|\sstyle=|https?:\/\/(?!localhost|127)/)
  })
})

/** Drops files or folders of this machine on the page, as a person does. */
async function dropOn(page: Page, files: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const data = { items: [], files, dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data })
  }
}
