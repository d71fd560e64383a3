// What a first visitor of the playground waits for, on Lighthouse's slow 4G and a slow phone's processor.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { pnpmQuietly } from '../../scripts/pnpm.mjs'
import { launchChromium } from '../chromium.mjs'
import { machineFacts } from '../machine.mjs'
import { percentile } from '../measure.mjs'
import { writeReport } from '../report.mjs'

const ROUNDS = 9
/** Lighthouse's "slow 4G": 1.6 Mbit/s down, 750 kbit/s up, 150 ms there and back; a processor four times slower. */
const NETWORK = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 }
const CPU_RATE = 4
const FOLDER = fileURLToPath(new URL('../../examples/playground/', import.meta.url))
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

/** The built page, compressed as static hosts do. */
async function serve(folder) {
  const server = createServer(async (request, response) => {
    const path = request.url === '/' ? '/index.html' : request.url
    const content = await readFile(join(folder, path)).catch(() => null)
    if (content === null) return void response.writeHead(404).end()
    const type = TYPES[extname(path)] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' }).end(gzipSync(content))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Milliseconds to the first content, to the largest, and to the page's controls; a new profile. */
async function visit(browser, url) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } })
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  await session.send('Network.emulateNetworkConditions', NETWORK)
  await session.send('Emulation.setCPUThrottlingRate', { rate: CPU_RATE })
  await page.goto(url, { waitUntil: 'commit' })
  await page.getByRole('radio', { name: 'Read a digit' }).waitFor()
  const times = await page.evaluate(async () => {
    const controls = performance.now()
    const last = (type) =>
      new Promise((resolve) => {
        const observer = new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
        observer.observe({ type, buffered: true })
      })
    const [first] = performance.getEntriesByName('first-contentful-paint')
    return {
      first: first?.startTime ?? (await last('paint')),
      largest: await last('largest-contentful-paint'),
      controls,
    }
  })
  await context.close()
  return times
}

const figureOf = (what, samples, limit) => ({
  what,
  value: percentile(samples, 0.5) / 1000,
  spread: [percentile(samples, 0.1) / 1000, percentile(samples, 0.9) / 1000],
  limit: limit === null ? '' : `<= ${limit} s`,
  ok: limit === null || percentile(samples, 0.5) / 1000 <= limit,
  digits: 2,
  unit: 's',
})

export async function run() {
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-playground-'))
  const build = ['--filter', '@tensorferry/playground', 'exec', 'vite', 'build', '--logLevel', 'error']
  const code = await pnpmQuietly([...build, '--outDir', folder, '--emptyOutDir'])
  if (code !== 0) throw new Error(`${FOLDER} could not be built; run pnpm run build first`)
  const server = await serve(folder)
  const browser = await launchChromium()
  const samples = { first: [], largest: [], controls: [] }
  for (let round = -1; round < ROUNDS; round++) {
    const times = await visit(browser, server.url)
    // The first visit warms the browser up.
    if (round >= 0) for (const name of Object.keys(samples)) samples[name].push(times[name])
  }
  const chromium = browser.version()
  await browser.close()
  await server.close()
  await rm(folder, { recursive: true, force: true })
  const figures = [
    figureOf('first content', samples.first, 2),
    figureOf('largest content', samples.largest, 2.5),
    figureOf('the page’s controls', samples.controls, null),
  ]
  for (const { what, value, limit, ok } of figures)
    console.log(`${ok ? 'ok ' : 'NO '} ${what}: ${value.toFixed(2)} s ${limit}`)
  const path = writeReport('playground', {
    command: 'pnpm bench playground',
    machine: { ...machineFacts([]), chromium },
    notes: [
      `Medians of ${ROUNDS} first visits, each with a new profile, 390 x 844 pixels, in headless Chromium.`,
      'Throttled by the DevTools protocol: 1.6 Mbit/s down, 150 ms, processor 4 times slower; the server compresses with gzip.',
      'The runtime and the model load after that and are not part of it: 3.7 MB compressed, kept from then on.',
    ],
    figures,
  })
  console.log(`written to ${path.replace(`${process.cwd()}/`, '')}`)
}
