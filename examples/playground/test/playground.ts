import { execFile } from 'node:child_process'
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { expect } from 'vitest'
import type { PenStroke } from '../src/digits/drawing-to-picture.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The repository's bundles. */
export const BUNDLES = here('../../bundles/')

/** What makes a page cross-origin isolated. */
export const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

/** Builds the page as `pnpm run build` does, into a folder of its own. */
export async function buildPlayground(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-playground-')))
  const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin', 'vite.js')
  // A process of its own: Vitest's NODE_ENV would make it a development build.
  const environment = { ...process.env, NODE_ENV: 'production' }
  const flags = ['build', '--logLevel', 'error', '--outDir', folder, '--emptyOutDir']
  await promisify(execFile)(process.execPath, [vite, ...flags], { cwd: here('..'), env: environment })
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** A page, with what it complained of. */
export interface OpenPlayground {
  readonly page: Page
  readonly complaints: string[]
  close(): Promise<void>
}

/** Opens the page with a new profile and waits until its first model is ready. */
export async function openPlayground(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenPlayground> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', ({ message }) => complaints.push(message))
  await page.goto(url)
  await ready(page, 'super-resolution-x3')
  return { page, complaints, close: () => context.close() }
}

/** Waits until a model runs. */
export async function ready(page: Page, name: string): Promise<void> {
  await page.locator('.status.ready', { hasText: name }).waitFor()
}

/** Chooses the digits model and waits for it. */
export async function openDigits(page: Page): Promise<void> {
  await page.getByRole('radio', { name: 'Read a digit' }).check()
  await ready(page, 'digits')
}

/** Holds back the answers to matching requests until `release`, which waits until all of them have arrived. */
export async function holdBack(
  page: Page,
  url: RegExp,
): Promise<{ readonly asked: Promise<void>; release(): Promise<void> }> {
  let letGo = (): void => {}
  const released = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let sawOne = (): void => {}
  const asked = new Promise<void>((resolve) => {
    sawOne = resolve
  })
  const arrived: Promise<unknown>[] = []
  await page.route(url, async (route) => {
    sawOne()
    await released
    arrived.push(route.request().response())
    await route.continue()
  })
  return {
    asked,
    async release() {
      letGo()
      await expect.poll(() => arrived.length).toBeGreaterThan(0)
      await Promise.all(arrived)
      await page.unroute(url)
    },
  }
}

/** What a term of the load report says. */
export async function reportOf(page: Page, term: string): Promise<string> {
  const definition = page.locator('#report .facts > div', { has: page.locator('dt', { hasText: term }) }).locator('dd')
  return (await definition.textContent()) ?? ''
}

/** A digit as somebody drew it. */
export interface Drawing {
  readonly digit: number
  readonly strokes: readonly PenStroke[]
}

/** The recorded drawings, on a canvas of 280 x 280 pixels. */
export async function readDrawings(): Promise<{ readonly width: number; readonly drawings: readonly Drawing[] }> {
  return JSON.parse(await readFile(here('./strokes.json'), 'utf8'))
}

/** Draws with the mouse, along the recorded points, and waits for the answer. */
export async function drawDigit(page: Page, { strokes }: Drawing, width: number): Promise<string> {
  const clear = page.getByRole('button', { name: 'Clear' })
  if (await clear.isEnabled()) await clear.click()
  await page.locator('#result .best').waitFor({ state: 'detached' })
  const canvas = page.locator('.pad canvas')
  await canvas.scrollIntoViewIfNeeded()
  const box = (await canvas.boundingBox())!
  const scale = box.width / width
  const moveTo = ([x, y]: readonly number[]) => page.mouse.move(box.x + x! * scale, box.y + y! * scale)
  for (const [index, stroke] of strokes.entries()) {
    await moveTo(stroke[0]!)
    await page.mouse.down()
    for (const point of stroke.slice(1)) await moveTo(point)
    await page.mouse.up()
    // The answer to these strokes, and not to those before.
    await page.getByRole('img', { name: `${index + 1} stroke` }).waitFor()
  }
  await page.locator('#result .best').waitFor()
  await page.locator('body:not(:has(#times button:disabled))').waitFor()
  return (await page.locator('#result .best-label').textContent()) ?? ''
}

const axe = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds that keeps people from using the page: impact serious or critical, each with its first place. */
export async function seriousViolations(page: Page): Promise<readonly string[]> {
  await page.evaluate(await axe)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run(document),
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
}
