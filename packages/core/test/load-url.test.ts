import { readdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Progress } from '../src/backend.ts'
import { loadModel } from '../src/load.ts'
import { referenceBackend } from '../src/testing/index.ts'
import { expectError } from './expect-error.ts'
import { makeBundle, temporaryFolder } from './make-bundle.ts'

const backend = referenceBackend()

interface Served {
  readonly url: string
  readonly requests: string[]
  readonly server: Server
}

/** A real HTTP server for a map of files, with ETags; `intercept` may answer in its place. */
async function serve(
  files: ReadonlyMap<string, Uint8Array>,
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean,
): Promise<Served> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url!)
    if (intercept?.(request, response)) return
    const content = files.get(decodeURIComponent(request.url!.split('?')[0]!.slice('/models/'.length)))
    if (!content) return void response.writeHead(404).end('nothing here')
    const etag = `"${content.length}"`
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304).end()
    response.writeHead(200, { 'content-length': content.length, etag }).end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => close(server))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/`, requests, server }
}

const close = (server: Server): Promise<void> => {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

describe('a bundle by URL', () => {
  test('a file that goes on after its listed size is left there', async () => {
    const files = await makeBundle()
    let sent = 0
    const { url } = await serve(files, ({ url: path }, response) => {
      if (!path!.endsWith('model.onnx')) return false
      response.writeHead(200)
      // Without an end: who reads on would never be done.
      const more = (): void => {
        while (!response.destroyed && response.write(new Uint8Array(10_000))) sent++
        if (!response.destroyed) response.once('drain', more)
      }
      more()
      return true
    })
    const cacheDir = await temporaryFolder()
    await expectError('INTEGRITY_FAILED', /model\.onnx: expected 340 bytes, got \d+/, () =>
      loadModel(url, { backend, cacheDir }),
    )
    expect(sent).toBeGreaterThan(0)
    expect(await readdir(join(cacheDir, 'files'))).toHaveLength(1)
  })
  test('a user or a password in the address is in no message', async () => {
    const { url } = await serve(await makeBundle())
    for (const source of [
      url.replace('//', '//user:SECRET@'),
      url.replace('//', '//SECRET@'),
      'ftp://user:SECRET@host/',
    ]) {
      const error = await expectError('OPTIONS_INVALID', /^source: .*in the address.*send it in a header/, () =>
        loadModel(source, { backend }),
      )
      expect(`${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain('SECRET')
    }
  })
  test.each([
    ['to a server that is not there', 'http://user:SECRET@127.0.0.1:9/x?token=SECRET'],
    ['that is no address', 'http://user:SECRET@[bad/'],
    ['to a page', '/models/nothing?token=SECRET'],
  ])('a redirect %s is in no message', async (_, location) => {
    const { url } = await serve(await makeBundle(), (request, response) => {
      if (!request.url!.startsWith('/models/bundle.json')) return false
      response.writeHead(302, { location }).end()
      return true
    })
    const error = await loadModel(`${url}?token=SECRET`, { backend, cacheDir: await temporaryFolder() }).catch(
      (thrown: Error) => thrown,
    )
    const told = (one: unknown): string => (one instanceof Error ? `${one.stack} ${told(one.cause)}` : '')
    expect(told(error)).toContain('/models/bundle.json')
    expect(told(error)).not.toContain('SECRET')
    expect(JSON.stringify(error)).not.toContain('SECRET')
  })
  test('its query goes along to every file, and progress is told', async () => {
    const cacheDir = await temporaryFolder()
    const { url, requests } = await serve(await makeBundle())
    const seen: Progress[] = []
    await using model = await loadModel(`${url}?token=secret`, {
      backend,
      cacheDir,
      onProgress: (progress) => seen.push(progress),
    })
    expect(model.report.source).toBe(url)
    expect(requests).toEqual([
      '/models/bundle.json?token=secret',
      '/models/model.onnx?token=secret',
      '/models/goldens.safetensors?token=secret',
    ])
    const download = seen.filter(({ phase, file }) => phase === 'download' && file === 'model.onnx')
    expect(download[0]).toMatchObject({ loaded: 0, total: 340 })
    expect(download.at(-1)).toMatchObject({ loaded: 340, total: 340 })
  })
  test('a second load asks only whether the manifest changed', async () => {
    const cacheDir = await temporaryFolder()
    const { url, requests } = await serve(await makeBundle())
    await (await loadModel(url, { backend, cacheDir })).dispose()
    requests.length = 0
    await (await loadModel(`${url}bundle.json`, { backend, cacheDir })).dispose()
    expect(requests).toEqual(['/models/bundle.json'])
  })
  test('works offline afterwards', async () => {
    const cacheDir = await temporaryFolder()
    const { url, server } = await serve(await makeBundle())
    await (await loadModel(url, { backend, cacheDir })).dispose()
    await close(server)
    await using model = await loadModel(url, { backend, cacheDir })
    expect(model.report.verify.cases.length).toBe(1)
  })
  test('takes a new model when the manifest names one', async () => {
    const cacheDir = await temporaryFolder()
    const files = await makeBundle()
    const { url } = await serve(files)
    await (await loadModel(url, { backend, cacheDir })).dispose()
    for (const [path, content] of await makeBundle('upsample')) files.set(path, content)
    await using model = await loadModel(url, { backend, cacheDir })
    expect(model.report.bundle?.name).toBe('upsample')
  })
  test('a spoiled file in the cache is fetched again', async () => {
    const cacheDir = await temporaryFolder()
    const { url, requests } = await serve(await makeBundle())
    await (await loadModel(url, { backend, cacheDir })).dispose()
    for (const name of await readdir(join(cacheDir, 'files'))) await writeFile(join(cacheDir, 'files', name), 'spoiled')
    requests.length = 0
    await (await loadModel(url, { backend, cacheDir })).dispose()
    expect(requests).toContain('/models/model.onnx')
  })
  test('a caller’s own fetch is used', async () => {
    const cacheDir = await temporaryFolder()
    const { url, requests } = await serve(await makeBundle(), (request, response) => {
      if (request.headers.authorization === 'Bearer me') return false
      response.writeHead(401, 'Unauthorized').end()
      return true
    })
    const authorized: typeof fetch = (input, init) =>
      fetch(input, { ...init, headers: { ...init?.headers, authorization: 'Bearer me' } })
    await (await loadModel(url, { backend, cacheDir, fetch: authorized })).dispose()
    expect(requests.length).toBe(3)
    await expectError('DOWNLOAD_FAILED', /the server answered 401 Unauthorized/, () =>
      loadModel(url, { backend, cacheDir: `${cacheDir}/other` }),
    )
  })
})

describe('a bundle by URL that fails', () => {
  test('404 names the file and hides the query', async () => {
    const { url } = await serve(new Map())
    const error = await expectError('NOT_FOUND', /bundle\.json.*404/, async () =>
      loadModel(`${url}?token=secret`, { backend, cacheDir: await temporaryFolder() }),
    )
    expect(error.message).not.toContain('secret')
  })
  test('a server that is not there', async () => {
    const { url, server } = await serve(new Map())
    await close(server)
    await expectError('DOWNLOAD_FAILED', /could not be reached/, async () =>
      loadModel(url, { backend, cacheDir: await temporaryFolder() }),
    )
  })
  test('a connection that breaks leaves nothing in the cache', async () => {
    const cacheDir = await temporaryFolder()
    const { url } = await serve(await makeBundle(), (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      response.writeHead(200, { 'content-length': 340 })
      response.write(new Uint8Array(100), () => response.destroy())
      return true
    })
    await expectError('DOWNLOAD_FAILED', /broke after \d+ of 340 bytes/, () => loadModel(url, { backend, cacheDir }))
    expect((await readdir(join(cacheDir, 'files'))).length).toBe(1)
  })
  test('a page in place of the model', async () => {
    const { url } = await serve(await makeBundle(), (request, response) => {
      if (!request.url!.endsWith('model.onnx')) return false
      response.writeHead(200).end('<!DOCTYPE html><html>Please log in</html>')
      return true
    })
    await expectError('INTEGRITY_FAILED', /HTML page/, async () =>
      loadModel(url, { backend, cacheDir: await temporaryFolder() }),
    )
  })
  test.each([
    ['digits', /got an HTML page; the address answers .*in place of the file; a bundle's address ends in \/$/],
    ['digits.onnx', /got an HTML page; the address answers .*in place of the file$/],
  ])('a page in place of %s', async (path, message) => {
    const { url } = await serve(new Map(), (_, response) => {
      response.writeHead(200).end('<!DOCTYPE html><html>An app of one page</html>')
      return true
    })
    await expectError('FORMAT_UNSUPPORTED', message, async () =>
      loadModel(url + path, { backend, cacheDir: await temporaryFolder() }),
    )
  })
  test.each([
    ['digits', /404 for http:.*; a bundle's address ends in \/$/],
    ['digits.onnx', /404 for http:.*digits\.onnx$/],
  ])('%s that is not there', async (path, message) => {
    const { url } = await serve(new Map())
    await expectError('NOT_FOUND', message, async () =>
      loadModel(url + path, { backend, cacheDir: await temporaryFolder() }),
    )
  })
  test('an abort settles at once', async () => {
    const controller = new AbortController()
    const { url } = await serve(await makeBundle(), (request) => {
      if (!request.url!.endsWith('model.onnx')) return false
      controller.abort()
      return true
    })
    await expectError('ABORTED', /aborted/, async () =>
      loadModel(url, { backend, cacheDir: await temporaryFolder(), signal: controller.signal }),
    )
  })
  test('a time-out', async () => {
    const { url } = await serve(await makeBundle(), () => true)
    await expectError('TIMED_OUT', /timeoutMs = 50/, async () =>
      loadModel(url, { backend, cacheDir: await temporaryFolder(), timeoutMs: 50 }),
    )
  })
})

test('a bare model by URL', async () => {
  const cacheDir = await temporaryFolder()
  const { url, requests } = await serve(await makeBundle())
  await (await loadModel(new URL('model.onnx', url), { backend, cacheDir })).dispose()
  await using model = await loadModel(`${url}model.onnx`, { backend, cacheDir })
  expect(model.report.bundle).toBeNull()
  expect(new Set(requests)).toEqual(new Set(['/models/model.onnx']))
})

test('a bare model by URL with external data', async () => {
  const files = await makeBundle('external-files')
  const { url } = await serve(files)
  await using model = await loadModel(`${url}model.onnx`, { backend, cacheDir: await temporaryFolder() })
  expect(model.report.artifact?.format).toBe('onnx')
})
