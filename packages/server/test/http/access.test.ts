import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ask, digitsBody, inferPath, post, startServer } from './start-server.ts'

test('keys: without one nothing but probes and pages', async () => {
  const server = await startServer({ apiKeys: ['first', 'second'], repositoryToken: 'token' })
  const closed = ['/v2', '/v2/models/digits', '/v2/models/stats', '/metrics', '/v2/models/digits/config', '/nothing']
  for (const path of [...closed, '/v2/health/live/x', '/page/../metrics', '/pings']) {
    const { status, json, headers } = await ask(server, path)
    expect([status, json.code], path).toEqual([401, 'UNAUTHORIZED'])
    expect(headers.get('www-authenticate')).toBe('Bearer')
  }
  const open = [
    '/v2/health/live',
    '/v2/health/ready',
    '/ping',
    '/v2/models/digits/ready',
    '/',
    '/docs',
    '/openapi.json',
  ]
  for (const path of [...open, '/page/app.js', '/page/style.css', '/ping?a=b', '/ping/']) {
    expect((await ask(server, path)).status, path).toBe(200)
  }
  const shown: readonly (readonly [Record<string, string>, number])[] = [
    [{ authorization: 'Bearer first' }, 200],
    [{ authorization: 'bearer second' }, 200],
    [{ 'x-api-key': 'second' }, 200],
    [{ authorization: 'Bearer token' }, 200],
    [{ authorization: 'Bearer firs' }, 401],
    [{ authorization: 'Bearer first second' }, 401],
    [{ authorization: 'Basic first' }, 401],
    [{ authorization: 'first' }, 401],
    [{ 'x-api-key': '' }, 401],
  ]
  for (const [headers, status] of shown) {
    expect((await post(server, inferPath(), digitsBody(), headers)).status, JSON.stringify(headers)).toBe(status)
  }
  const errorOf = async (headers: Record<string, string>): Promise<string> =>
    (await ask(server, '/v2', { headers })).json.error
  expect(await errorOf({})).toMatch(/^this server asks for an API key: send the header/)
  expect(await errorOf({ 'x-api-key': 'wrong' })).toMatch(/^the API key that was sent is none of this server's/)
})

test('load and unload ask for the token; without one they are off', async () => {
  const path = '/v2/repository/models/digits/unload'
  const off = await startServer()
  expect((await post(off, path, '')).json).toMatchObject({
    code: 'FORBIDDEN',
    error: expect.stringContaining('switched off'),
  })
  const server = await startServer({ apiKeys: ['key'], repositoryToken: 'token' })
  expect((await post(server, path, '', { 'x-api-key': 'key' })).status).toBe(403)
  expect((await post(server, path, '', { authorization: 'Bearer token' })).status).toBe(200)
  expect((await ask(server, '/v2/models/digits/ready')).status).toBe(503)
})

test('rate limits count a client by a key that is right, else by address', async () => {
  const server = await startServer({ apiKeys: ['a', 'b'], rateLimit: { requests: 3, perMs: 60_000 } })
  const statuses = async (key: string, count: number): Promise<number[]> => {
    const found: number[] = []
    // What is shown beside a right key is no new client.
    for (let index = 0; index < count; index++) {
      const headers = { 'x-api-key': key, ...(index % 2 ? { authorization: `Bearer ${index}` } : {}) }
      found.push((await ask(server, '/v2', { headers })).status)
    }
    return found
  }
  expect(await statuses('a', 5)).toEqual([200, 200, 200, 429, 429])
  expect(await statuses('b', 3)).toEqual([200, 200, 200])
  expect([...(await statuses('made up', 2)), ...(await statuses('another', 2))]).toEqual([401, 401, 401, 429])
  const refused = await ask(server, '/v2', { headers: { 'x-api-key': 'a' } })
  expect(refused.json.code).toBe('OVERLOADED')
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await ask(server, '/v2/health/ready')).status).toBe(200)
})

test('CORS: none by default; for origins that are named, with the headers that clients need', async () => {
  const preflight = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-api-key',
  }
  const origin = 'https://app.example'
  const none = await startServer()
  expect(
    (await post(none, inferPath(), digitsBody(), { origin })).headers.get('access-control-allow-origin'),
  ).toBeNull()
  const server = await startServer({ cors: [origin], apiKeys: ['key'] })
  const asked = await ask(server, inferPath(), { method: 'OPTIONS', headers: { origin, ...preflight } })
  expect(asked.status).toBe(204)
  expect(asked.headers.get('access-control-allow-origin')).toBe(origin)
  expect(asked.headers.get('access-control-allow-headers')).toContain('inference-header-content-length')
  const answer = await post(server, inferPath(), digitsBody(), { origin, 'x-api-key': 'key' })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('access-control-expose-headers')).toContain('retry-after')
  const other = await post(server, inferPath(), digitsBody(), { origin: 'https://evil.example', 'x-api-key': 'key' })
  expect(other.headers.get('access-control-allow-origin')).not.toBe('https://evil.example')
})

test('TLS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorferry-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  const server = await startServer({ tls })
  expect(server.url).toMatch(/^https:/)
  const status = await new Promise((resolve, reject) => {
    get(`${server.url}/v2/health/ready`, { ca: tls.cert, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).once('error', reject)
  })
  expect(status).toBe(200)
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  await expect(startServer({ tls: { cert: tls.cert, key: privateKey } })).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    message: expect.stringContaining('key that of its own private key'),
  })
})
