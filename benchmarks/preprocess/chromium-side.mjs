import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { bundleScript, ISOLATION, launchChromium } from '../chromium.mjs'

/** Chromium with a server of the benchmark's page. */
export async function openChromium() {
  const script = await bundleScript(fileURLToPath(new URL('./page.mjs', import.meta.url)))
  let pixels = ''
  const answers = {
    '/': () => ['text/html', '<!doctype html><script type="module" src="/page.js"></script>'],
    '/page.js': () => ['text/javascript', script],
    '/pixels': () => ['application/octet-stream', readFileSync(pixels)],
  }
  const server = createServer((request, response) => {
    const [type, content] = answers[request.url]?.() ?? []
    response.writeHead(type ? 200 : 404, { ...ISOLATION, 'content-type': type ?? 'text/plain' }).end(content)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await launchChromium()
  return {
    version: browser.version(),
    /** A page in a process of its own, which is asked as {@link Side} is. */
    async side({ file, webAssembly, ...asked }) {
      pixels = file
      const context = await browser.newContext()
      const page = await context.newPage()
      // What core meets where a policy forbids WebAssembly.
      if (!webAssembly) await page.addInitScript(() => void Reflect.deleteProperty(globalThis, 'WebAssembly'))
      await page.goto(`http://127.0.0.1:${server.address().port}/`)
      await page.waitForFunction(() => 'side' in globalThis)
      const sha256 = await page.evaluate((what) => side.start(what), asked)
      return {
        facts: { sha256 },
        ask: ({ calls }) => page.evaluate((count) => side.run(count), calls),
        end: () => context.close(),
      }
    },
    async close() {
      await browser.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
