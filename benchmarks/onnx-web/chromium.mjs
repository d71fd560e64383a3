import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const DIST = here('../../packages/backend-onnx-web/dist/')
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }
const HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
}

/** A script as an app's bundler writes it, by file name. */
async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [here(entry)],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    logLevel: 'error',
    // The raw side has ONNX Runtime's own files beside it, as ours has.
    conditions: ['onnxruntime-web-use-extern-wasm'],
    tsconfigRaw: {},
  })
  return outputFiles[0].contents
}

/** Starts the machine's Chromium, or `TENSORFERRY_CHROMIUM`, with a new profile. */
export function launchChromium(flags = []) {
  const executablePath =
    process.env.TENSORFERRY_CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path))
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', ...flags] })
}

/**
 * An isolated page in Chromium, with the backend's dist beside it.
 *
 * @param {Map<string, Uint8Array>} models - by path
 */
export async function openBenchmarkPage(models) {
  const scripts = { '/page.js': bundle('./page.mjs'), '/raw-worker.js': bundle('./raw-worker.mjs') }
  const read = async (path) => {
    if (path === '/') return '<!doctype html><script type="module" src="/page.js"></script>'
    if (path in scripts) return scripts[path]
    return models.get(path) ?? readFile(DIST + path.slice(1)).catch(() => null)
  }
  const server = createServer(async (request, response) => {
    const content = await read(request.url)
    if (content === null) return void response.writeHead(404).end()
    const type = TYPES[request.url === '/' ? '.html' : extname(request.url)] ?? 'application/octet-stream'
    response.writeHead(200, { ...HEADERS, 'content-type': type }).end(content)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await launchChromium(['--enable-blink-features=ForceEagerMeasureMemory'])
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  await page.waitForFunction(() => 'bench' in globalThis)
  return {
    page,
    chromium: browser.version(),
    async close() {
      await browser.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
