import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { bundleScript, ISOLATION, launchOptions } from '../chromium.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const DIST = here('../../packages/backend-onnx-web/dist/')
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }
/** The raw side has ONNX Runtime's own files beside it, as ours has. */
const bundle = (entry) => bundleScript(here(entry), ['onnxruntime-web-use-extern-wasm'])

/**
 * An isolated page in Chromium, with the backend's dist beside it.
 *
 * @param {Map<string, Uint8Array>} models - by path
 * @returns the page; `sent`: bytes that went out, by path; `workers`: names of those that the page has started
 */
export async function openBenchmarkPage(models) {
  const scripts = { '/page.js': bundle('./page.mjs'), '/raw-worker.js': bundle('./raw-worker.mjs') }
  const read = async (path) => {
    if (path === '/') return '<!doctype html><script type="module" src="/page.js"></script>'
    if (path in scripts) return scripts[path]
    return models.get(path) ?? readFile(DIST + path.slice(1)).catch(() => null)
  }
  const sent = new Map()
  let isUnplugged = false
  const server = createServer(async (request, response) => {
    if (isUnplugged && models.has(request.url)) return void response.destroy()
    const content = await read(request.url)
    if (content === null) return void response.writeHead(404).end()
    sent.set(request.url, (sent.get(request.url) ?? 0) + content.length)
    const type = TYPES[request.url === '/' ? '.html' : extname(request.url)] ?? 'application/octet-stream'
    response.writeHead(200, { ...ISOLATION, 'content-type': type }).end(content)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A profile on disk, as people have: in another one all that is stored lies in memory.
  const context = await chromium.launchPersistentContext('', launchOptions())
  const page = await context.newPage()
  const workers = []
  page.on('worker', (worker) => workers.push(worker.url().split('/').pop()))
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  await page.waitForFunction(() => 'bench' in globalThis)
  return {
    page,
    sent,
    workers,
    /** From now on a request for a model breaks, as without a network. */
    unplug() {
      isUnplugged = true
    },
    chromium: context.browser().version(),
    async close() {
      await context.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
