import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const FLAGS: string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The Chromium of this machine: `TENSORFERRY_CHROMIUM`, else where systems put it; null: there is none. */
export const chromiumPath: string | null =
  process.env.TENSORFERRY_CHROMIUM ?? CANDIDATES.find((path) => existsSync(path)) ?? null

if (chromiumPath === null) {
  const advice = 'no Chromium: set TENSORFERRY_CHROMIUM or install the package chromium'
  if (process.env.CI === 'true') throw new Error(advice)
  console.warn(advice)
}

/** Starts Chromium with a new profile in memory. */
export function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath!, args: [...FLAGS, ...flags] })
}

/** Starts Chromium with a new profile on disk; that of {@link launchChromium} lies in memory, and all it stores with it. */
export function launchProfile(): Promise<BrowserContext> {
  return chromium.launchPersistentContext('', { executablePath: chromiumPath!, args: FLAGS })
}

/** Opens the test page; its errors become the test's. */
export async function openPage(context: Browser | BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForFunction(() => 'sdk' in globalThis)
  return page
}
