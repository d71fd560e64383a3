// Behind a real proxy that strips a path prefix, or leaves it there: pages, their assets, the description and what it says.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Server, ServerOptions } from '@tensorferry/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../../tests/free-port.ts'
import { startProgram } from '../../../../tests/serving/processes.ts'
import { requireProgram } from '../../../../tests/serving/require-program.ts'
import { chromiumPath, launchChromium } from '../../../backend-onnx-web/test/browser/chromium.ts'
import { bundlePath } from '../load-models.ts'
import { ask, digitsBody, post, startServer } from './start-server.ts'

const models = [bundlePath('digits'), `bare=${join(bundlePath('digits'), 'model.onnx')}`]
const STRIP = '  http-request replace-path ^/ml/?(.*)$ /\\1\n'
const TELL = '  http-request set-header X-Forwarded-Prefix /ml\n'

/** HAProxy in front of a server: what begins with /ml goes there, everything else is refused. */
async function startProxy(
  { url }: Server,
  rules: string,
  skip: (reason: string) => void,
): Promise<{ readonly url: string }> {
  const program = requireProgram('haproxy', skip)
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-prefix-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const path = join(folder, 'haproxy.cfg')
  await writeFile(
    path,
    `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend public
  bind 127.0.0.1:${port}
  http-request deny deny_status 421 if !{ path -m reg ^/ml(/|$) }
${rules}  default_backend server
backend server
  server one ${new URL(url).host}
`,
  )
  const proxy = startProgram(program, ['-db', '-f', path])
  const isUp = () =>
    fetch(`http://127.0.0.1:${port}/ml/v2/health/live`).then(
      ({ status }) => status,
      () => 0,
    )
  await expect.poll(isUp, { timeout: 20_000 }).toBe(200)
  expect(proxy.child.exitCode).toBeNull()
  return { url: `http://127.0.0.1:${port}` }
}

interface Way {
  readonly name: string
  readonly rules: string
  readonly options: Partial<ServerOptions>
  /** What the description says of the server; null: relative, since nobody says. */
  readonly prefix: string | null
  /** Looked at in Chromium too. */
  readonly isShown?: boolean
}

const WAYS: readonly Way[] = [
  { name: 'a proxy that strips and says nothing', rules: STRIP, options: {}, prefix: null, isShown: true },
  { name: 'a proxy that strips and sends X-Forwarded-Prefix', rules: STRIP + TELL, options: {}, prefix: '/ml' },
  { name: 'a proxy that strips, with basePath', rules: STRIP, options: { basePath: '/ml' }, prefix: '/ml' },
  {
    name: 'a proxy that leaves it, with basePath',
    rules: '',
    options: { basePath: 'ml/' },
    prefix: '/ml',
    isShown: true,
  },
]

describe.each(WAYS)('$name', ({ rules, options, prefix, isShown = false }) => {
  test('requests, assets, and the description', async ({ skip }) => {
    const server = await startServer({ models, ...options })
    const proxy = await startProxy(server, rules, skip)
    for (const path of ['/ml/', '/ml/page/app.js', '/ml/page/style.css', '/ml/openapi.json', '/ml/docs/', '/ml/v2']) {
      expect((await ask(proxy, path)).status, path).toBe(200)
    }
    expect((await post(proxy, '/ml/v2/models/digits/infer')).json).toMatchObject({ model_name: 'digits' })
    const { json } = await ask(proxy, '/ml/openapi.json')
    expect(json.servers).toEqual([{ url: prefix ?? './' }])
    const root = new URL(json.servers[0].url, `${proxy.url}/ml/openapi.json`).href.replace(/\/$/, '')
    expect(root).toBe(`${proxy.url}/ml`)
    expect((await post({ url: root }, '/v2/models/digits/infer')).status).toBe(200)
    const redirect = await ask(proxy, '/ml/docs', { redirect: 'manual' })
    expect(new URL(redirect.headers.get('location')!, `${proxy.url}/ml/docs`).href).toBe(`${proxy.url}/ml/docs/`)
    // Whoever knows the prefix has pages that need no slash behind it.
    const page = (await ask(proxy, '/ml')).bytes.toString()
    expect(page.includes('<base href="/ml/">')).toBe(prefix !== null)
    // Probes ask the server itself.
    expect((await ask(server, '/v2/health/ready')).status).toBe(200)
  })

  // Two of the ways are enough for a browser.
  if (!isShown) return
  test.skipIf(chromiumPath === null)(
    'Chromium runs a model from the page and from the description',
    async ({ skip }) => {
      const server = await startServer({ models, ...options })
      const proxy = await startProxy(server, rules, skip)
      const browser = await launchChromium()
      try {
        const page = await browser.newPage()
        const complaints: string[] = []
        page.on('console', (message) => {
          if (message.type() === 'error') complaints.push(message.text())
        })
        page.on('response', (response) => {
          if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`)
        })
        await page.goto(`${proxy.url}/ml${prefix === null ? '/' : ''}`)
        await page.locator('#example').click()
        await page.locator('#status').filter({ hasText: /^Done/ }).waitFor()
        expect(await page.locator('.labels tr').first().textContent()).toMatch(/^3 0\.9697/)
        expect(await page.locator('#curl').textContent()).toContain(`'${proxy.url}/ml/predict/digits'`)

        await page.locator('nav a').first().click()
        const operation = page.locator('#operations-inference-infer')
        await operation.locator('button.opblock-summary-control').click()
        await operation.locator('button.execute').click()
        const status = operation.locator('.live-responses-table td.response-col_status:not(.col_header)')
        await status.filter({ hasText: '200' }).waitFor()
        expect(await operation.locator('.request-url pre').textContent()).toContain(`${proxy.url}/ml/v2/models/`)
        expect(complaints).toEqual([])
      } finally {
        await browser.close()
      }
    },
  )
})

test('slashes behind addresses', async () => {
  const server = await startServer({ apiKeys: ['secret'] })
  const headers = { 'x-api-key': 'secret' }
  for (const path of [
    '/v2/',
    '/v2/models/digits/',
    '/v2/models/digits/config/',
    '/v1/models/',
    '/metrics/',
    '/docs/',
  ]) {
    expect((await ask(server, path, { headers })).status, path).toBe(200)
  }
  expect((await post(server, '/v2/models/digits/infer/', digitsBody(), headers)).status).toBe(200)
  expect((await post(server, '/v2/repository/index/', '', headers)).status).toBe(200)
  // What is open is so with a slash, and what is not is not.
  for (const path of [
    '/v2/health/live/',
    '/v2/health/ready/',
    '/v2/models/digits/ready/',
    '/v1/models/digits/',
    '/ping/',
  ]) {
    expect((await ask(server, path)).status, path).toBe(200)
  }
  for (const path of ['/v2/models/digits/', '/v2/', '/metrics/', '/v2/models/digits/example/', '/v1/models/']) {
    expect((await ask(server, path)).status, path).toBe(401)
  }
  const wrong = await ask(server, '/v2/models/digits/infer/', { headers })
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
})

test.each([
  ['/a, /b', '/a/b'],
  ['/ml/', '/ml'],
  ['/', '/'],
  ['"><script>', './'],
  ['//evil.example', './'],
  ['/a/../b', './'],
  ['https://evil.example', './'],
  [`/${'a'.repeat(300)}`, './'],
])('X-Forwarded-Prefix %j', async (header, expected) => {
  const server = await startServer()
  const { json, headers } = await ask(server, '/openapi.json', { headers: { 'x-forwarded-prefix': header } })
  expect(json.servers).toEqual([{ url: expected }])
  expect(headers.get('vary')).toContain('x-forwarded-prefix')
  expect((await ask(server, '/', { headers: { 'x-forwarded-prefix': header } })).bytes.toString()).not.toContain('evil')
})

test('with a base path, addresses that only look like it are others', async () => {
  const server = await startServer({ basePath: '/ml' })
  for (const path of ['/ml', '/ml/', '/ml?x=1', '/']) expect((await ask(server, path)).status, path).toBe(200)
  for (const path of ['/mlx', '/mlx/v2', '/ml/ml/v2']) expect((await ask(server, path)).status, path).toBe(404)
  await expect(startServer({ basePath: '/a b' })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
  await expect(startServer({ basePath: '/../x' })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})
