import type { ServerResponse } from 'node:http'
import type { Progress, SerializedError } from '@tensorferry/core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { chromiumPath, launchChromium, openPage } from './browser/chromium.ts'
import { startServer, type TestServer } from './browser/server.ts'
import { tableBundle, tableModel } from './table-bundle.ts'

/** About 12 MB, so that it has several parts. */
const ENTRIES = 3_000_000
const LAST = ENTRIES - 1
const MODEL = '/models/model.onnx'

declare global {
  /** Set by the test in every page. */
  function tellLoaded(loaded: number): Promise<void>
}

interface Loaded {
  readonly picked: readonly number[]
  readonly warnings: readonly string[]
  readonly progress: readonly Progress[]
  readonly error?: undefined
}
interface Refused extends Partial<Record<keyof Omit<Loaded, 'error'>, undefined>> {
  readonly error: SerializedError
}

/** Loads the bundle or model in the page and asks it for its last entry. */
function load(page: Page, path = '/models/', downloads?: 'cache' | 'opfs' | 'memory'): Promise<Loaded | Refused> {
  return page.evaluate(
    async ({ source, index, downloads }): Promise<Loaded | Refused> => {
      const progress: Progress[] = []
      try {
        const onProgress = (one: Progress) => {
          if (one.file !== 'model.onnx') return
          progress.push(one)
          tellLoaded(one.loaded)
        }
        const model = await sdk.loadModel(source, { backend: sdk.onnxWeb({ threads: 1 }), onProgress, downloads })
        const { picked } = await model.run({ index: sdk.tensor('int64', [BigInt(index)]) })
        await model.dispose()
        return { picked: Array.from(picked!.data as Float32Array), warnings: [...model.report.warnings], progress }
      } catch (error) {
        if (sdk.TensorferryError.is(error)) return { error: error.toJSON() }
        throw error
      }
    },
    { source: path, index: LAST, downloads },
  )
}

/** Bytes of files that are kept in either place. */
function keptIn(page: Page): Promise<Record<'cache' | 'opfs', number>> {
  return page.evaluate(async () => {
    const bytes = { cache: 0, opfs: 0 }
    const cache = await caches.open('tensorferry-1')
    for (const request of await cache.keys()) {
      if (request.url.includes('/parts/')) bytes.cache += (await (await cache.match(request))!.blob()).size
    }
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('tensorferry-1', { create: true })
    const handles = (folder as unknown as { values(): AsyncIterable<FileSystemFileHandle> }).values()
    for await (const handle of handles) bytes.opfs += (await handle.getFile()).size
    return bytes
  })
}

/** Begins a load; `abort` ends it and gives the code that it rejects with. */
function loadToAbort(page: Page, path: string): { abort(): Promise<string> } {
  const code = page.evaluate(async (source) => {
    const controller = new AbortController()
    Object.assign(globalThis, { abortLoading: () => controller.abort() })
    const loading = sdk.loadModel(source, { backend: sdk.onnxWeb(), signal: controller.signal })
    return loading.then(
      () => 'loaded',
      (error) => error.code as string,
    )
  }, path)
  return {
    async abort() {
      await page.evaluate(() => (globalThis as unknown as { abortLoading(): void }).abortLoading())
      return code
    },
  }
}

/** How many tabs wait until another one has downloaded the model. */
function waitingTabs(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const { pending } = await navigator.locks.query()
    return pending!.filter(({ name }) => name!.endsWith('/model.onnx')).length
  })
}

/** A name that is not this machine's own: without https, browsers give such a page less. */
const INSECURE_HOST = 'models.test'

describe.skipIf(chromiumPath === null)('model files in Chromium', () => {
  let browser: Browser
  let context: BrowserContext
  let server: TestServer
  let page: Page
  let onLoaded: (loaded: number) => void = () => undefined

  const bundle = tableBundle('/models/', ENTRIES)
  const model = bundle.get(MODEL)!
  beforeAll(async () => {
    browser = await launchChromium([`--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`])
  })
  afterAll(() => browser.close())
  beforeEach(async () => {
    server = await startServer({ files: bundle })
    // A context of its own: nothing in its caches.
    context = await browser.newContext()
    await context.exposeFunction('tellLoaded', (loaded: number) => onLoaded(loaded))
    page = await openPage(context, server.origin)
  })
  afterEach(async () => {
    await context.close()
    await server.close()
  })

  /** Sends `at` bytes of the model, and breaks the connection when the page has them; as often as that. */
  function cut(times: number, at: number): void {
    let left = times
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      const from = Number(/\d+/.exec(request.headers.range ?? '0')![0])
      if (left-- > 0) sendFrom(response, from, from + at)
      else sendFrom(response, from)
      return true
    }
  }
  /** The same ETag for whole answers. */
  function serveWhole(): void {
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      sendFrom(response, Number(/\d+/.exec(request.headers.range ?? '0')![0]))
      return true
    }
  }
  function sendFrom(response: ServerResponse, from: number, to?: number): void {
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': model.length - from,
      'content-range': `bytes ${from}-${model.length - 1}/${model.length}`,
      etag: '"table"',
    })
    if (to === undefined) return void response.end(model.subarray(from))
    response.write(model.subarray(from, to))
    onLoaded = (loaded) => {
      if (loaded >= to) response.destroy()
    }
  }

  test.each(['cache', 'opfs'] as const)('%s: a second load and one offline fetch no model', async (downloads) => {
    const first = await load(page, '/models/', downloads)
    expect(first).toMatchObject({ picked: [LAST], warnings: [] })
    expect(first.progress!.at(0)).toMatchObject({ phase: 'download', loaded: 0, total: model.length })
    expect(first.progress!.at(-1)).toMatchObject({ phase: 'download', loaded: model.length })
    expect(server.requests).toEqual(['/models/bundle.json', MODEL])
    const kept = await keptIn(page)
    expect(kept[downloads]).toBeGreaterThan(model.length)
    expect(kept[downloads === 'cache' ? 'opfs' : 'cache']).toBe(0)
    server.requests.length = 0
    expect(await load(page, '/models/', downloads)).toMatchObject({ picked: [LAST], progress: [] })
    expect(server.requests).toEqual(['/models/bundle.json'])
    server.intercept = (request, response) => {
      if (!request.url!.startsWith('/models/')) return false
      response.destroy()
      return true
    }
    expect(await load(page, '/models/', downloads)).toMatchObject({ picked: [LAST], progress: [] })
  })

  test('a bare model by URL is asked for again, and not sent again', async () => {
    expect(await load(page, MODEL)).toMatchObject({ picked: [LAST] })
    expect(await load(page, MODEL)).toMatchObject({ picked: [LAST], progress: [] })
  })

  test('memory: nothing is kept', async () => {
    expect(await load(page, '/models/', 'memory')).toMatchObject({ picked: [LAST] })
    expect(await page.evaluate(() => sdk.listDownloads())).toEqual([])
    await load(page, '/models/', 'memory')
    expect(server.requests.filter((path) => path === MODEL).length).toBe(2)
  })

  test('a file over 2 GB goes to the origin’s private file system unasked', async () => {
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      response.writeHead(200, { 'content-length': 2 ** 31 + 1, etag: '"large"' })
      response.write(model.subarray(0, 9_000_000))
      return true
    }
    const loading = loadToAbort(page, MODEL)
    // Two parts of 4 MB are stored, the rest never comes.
    await expect.poll(async () => (await keptIn(page)).opfs, { timeout: 20_000 }).toBeGreaterThan(8_000_000)
    expect((await keptIn(page)).cache).toBe(0)
    expect(await loading.abort()).toBe('ABORTED')
  })

  test.each(['cache', 'opfs'] as const)('%s: what is kept can be listed and cleared', async (downloads) => {
    await load(page, '/models/', downloads)
    await load(page, MODEL, downloads)
    const listed = await page.evaluate(() => sdk.listDownloads())
    expect(listed.map(({ url, size }) => [url, size])).toEqual(
      expect.arrayContaining([[server.origin + MODEL, model.length]]),
    )
    await page.evaluate((url) => sdk.clearDownloads({ url }), server.origin + MODEL)
    const left = await page.evaluate(() => sdk.listDownloads())
    expect(left.map(({ url }) => url)).toEqual([`${server.origin}/models/bundle.json`])
    await page.evaluate(() => sdk.clearDownloads())
    expect(await page.evaluate(() => sdk.listDownloads())).toEqual([])
    expect(await keptIn(page)).toEqual({ cache: 0, opfs: 0 })
    server.requests.length = 0
    await load(page)
    expect(server.requests).toContain(MODEL)
  })

  test('404', async () => {
    server.files.delete(MODEL)
    const { error } = await load(page)
    expect(error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringMatching(/model\.onnx.*404/) })
  })

  test('an HTML page with status 200', async () => {
    server.files.set(MODEL, new TextEncoder().encode('<!doctype html><title>Please log in</title>'))
    const { error } = await load(page)
    expect(error).toMatchObject({ code: 'INTEGRITY_FAILED', message: expect.stringContaining('HTML page') })
    const bare = await load(page, MODEL)
    expect(bare.error).toMatchObject({ code: 'FORMAT_UNSUPPORTED', message: expect.stringContaining('HTML page') })
  })

  test('an HTML page in place of the manifest, and the right one on the next try', async () => {
    const manifest = server.files.get('/models/bundle.json')!
    server.files.set('/models/bundle.json', new TextEncoder().encode('<!doctype html><title>Please log in</title>'))
    const { error } = await load(page)
    expect(error).toMatchObject({ code: 'BUNDLE_INVALID', message: expect.stringContaining('HTML page') })
    server.files.set('/models/bundle.json', manifest)
    expect(await load(page)).toMatchObject({ picked: [LAST] })
  })

  test('a wrong sha256, and the right file on the next try', async () => {
    const spoiled = model.slice()
    spoiled[spoiled.length - 1]! ^= 1
    server.files.set(MODEL, spoiled)
    const { error } = await load(page)
    expect(error).toMatchObject({ code: 'INTEGRITY_FAILED', message: expect.stringContaining('sha256') })
    server.files.set(MODEL, model)
    expect(await load(page)).toMatchObject({ picked: [LAST] })
  })

  test('a changed file behind the same URL', async () => {
    await load(page, MODEL)
    server.files.set(MODEL, tableModel(ENTRIES, 2))
    expect(await load(page, MODEL)).toMatchObject({ picked: [2 * LAST] })
    const kept = await page.evaluate(() => sdk.listDownloads())
    expect(kept.length).toBe(1)
  })

  test('a bundle that changed behind the same URL', async () => {
    await load(page)
    for (const [path, content] of tableBundle('/models/', ENTRIES, 2)) server.files.set(path, content)
    expect(await load(page)).toMatchObject({ picked: [2 * LAST] })
  })

  test('a body that is cut goes on where it broke, within the same call', async () => {
    cut(2, 5_000_000)
    const { picked, progress } = await load(page)
    expect(picked).toEqual([LAST])
    expect(Math.max(...progress!.map(({ resumed = 0 }) => resumed))).toBe(10_000_000)
    expect(server.requests.filter((path) => path === MODEL).length).toBe(3)
  })

  test('a server that keeps cutting: an error that helps, and the next load goes on', async () => {
    cut(100, 1_000_000)
    const { error } = await load(page)
    expect(error).toMatchObject({ code: 'DOWNLOAD_FAILED', message: expect.stringMatching(/broke after .* try again/) })
    serveWhole()
    const next = await load(page)
    expect(next.picked).toEqual([LAST])
    expect(next.progress!.at(0)).toMatchObject({ loaded: 5_000_000, resumed: 5_000_000, total: model.length })
  })

  test('a server that names no version: what was cut begins anew', async () => {
    let isCut = true
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      response.writeHead(200)
      if (!isCut) return Boolean(response.end(model))
      response.write(model.subarray(0, 5_000_000))
      onLoaded = (loaded) => {
        if (loaded >= 5_000_000) response.destroy()
      }
      return true
    }
    const { error } = await load(page)
    expect(error).toMatchObject({ code: 'DOWNLOAD_FAILED', message: expect.stringMatching(/broke after .* try again/) })
    isCut = false
    const { picked, progress } = await load(page)
    expect(picked).toEqual([LAST])
    expect(progress!.at(0)).toMatchObject({ loaded: 0, total: null })
  })

  test('a body that ends early as if it were whole', async () => {
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      return Boolean(response.writeHead(200).end(model.subarray(0, 5_000_000)))
    }
    const { error } = await load(page)
    expect(error).toMatchObject({
      code: 'INTEGRITY_FAILED',
      message: expect.stringMatching(/expected \d+ bytes, got 5000000; .*cut short.*fetch it again/),
    })
    const bare = await load(page, MODEL)
    expect(bare.error).toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
    serveWhole()
    expect(await load(page)).toMatchObject({ picked: [LAST] })
  })

  test('a file that changed while it was broken off begins anew', async () => {
    cut(100, 1_000_000)
    await load(page, MODEL)
    server.intercept = null
    server.files.set(MODEL, tableModel(ENTRIES, 3))
    const { picked, progress } = await load(page, MODEL)
    expect(picked).toEqual([3 * LAST])
    expect(progress!.at(0)).toMatchObject({ loaded: 0 })
  })

  test('a tab closed in mid-download: the next one goes on', async () => {
    const other = await openPage(context, server.origin)
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      response.writeHead(200, { 'content-length': model.length, etag: '"table"' })
      response.write(model.subarray(0, 9_000_000))
      return true
    }
    void load(other).catch(() => undefined)
    // Two parts of 4 MB are stored, the rest has not come.
    const stored = () => page.evaluate(async () => (await sdk.listDownloads()).find(({ sha256 }) => !sha256)?.size ?? 0)
    await expect.poll(stored, { timeout: 20_000 }).toBeGreaterThan(8_000_000)
    await other.close()
    serveWhole()
    const { picked, progress } = await load(page)
    expect(picked).toEqual([LAST])
    expect(progress!.at(0)!.resumed).toBeGreaterThan(8_000_000)
  })

  test('two tabs at once download once', async () => {
    const other = await openPage(context, server.origin)
    let send = (): void => undefined
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      send = () => response.writeHead(200, { 'content-length': model.length, etag: '"table"' }).end(model)
      return true
    }
    const loading = Promise.all([load(page), load(other)])
    // The model comes when one of them waits for the other.
    await expect.poll(() => waitingTabs(page), { timeout: 20_000 }).toBe(1)
    await expect.poll(() => server.requests, { timeout: 20_000 }).toContain(MODEL)
    send()
    const both = await loading
    expect(both.map(({ picked }) => picked)).toEqual([[LAST], [LAST]])
    expect(server.requests.filter((path) => path === MODEL).length).toBe(1)
  })

  test('an abort settles while another tab downloads', async () => {
    const other = await openPage(context, server.origin)
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      response.writeHead(200, { 'content-length': model.length })
      return true
    }
    void load(other).catch(() => undefined)
    await expect.poll(() => server.requests).toContain(MODEL)
    const loading = loadToAbort(page, '/models/')
    await expect.poll(() => waitingTabs(page), { timeout: 20_000 }).toBe(1)
    expect(await loading.abort()).toBe('ABORTED')
  })

  test.each(['cache', 'opfs'] as const)(
    '%s: no room: the model runs from memory, and the report says so',
    async (downloads) => {
      const session = await context.newCDPSession(page)
      await session.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: 6_000_000 })
      const { picked, warnings } = await load(page, '/models/', downloads)
      expect(picked).toEqual([LAST])
      expect(warnings!.join('\n')).toMatch(/model\.onnx is not kept and will be fetched again \(Quota.*clearDownloads/)
      // What had been stored of it gives its room back.
      const kept = await page.evaluate(() => sdk.listDownloads())
      expect(kept.map(({ url }) => url)).toEqual([`${server.origin}/models/bundle.json`])
    },
  )

  test('a page without https keeps nothing, checks the sha256 all the same, and the report says why', async () => {
    const insecure = await openPage(context, server.origin.replace('127.0.0.1', INSECURE_HOST))
    expect(await insecure.evaluate(() => isSecureContext)).toBe(false)
    const { picked, warnings } = await load(insecure)
    expect(picked).toEqual([LAST])
    expect(warnings!.join('\n')).toMatch(/downloads are not kept: .*the page needs https/)
    const spoiled = model.slice()
    spoiled[spoiled.length - 1]! ^= 1
    server.files.set(MODEL, spoiled)
    expect((await load(insecure)).error).toMatchObject({ code: 'INTEGRITY_FAILED' })
  })
})
