import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type RemoteOptions, remote } from '@tensorferry/backend-remote'
import { loadModel, type Model, tensor, zeros } from '@tensorferry/core'
import { fixturesFor } from '@tensorferry/core/testing'
import { type Server, type ServerOptions, serve } from '@tensorferry/server'
import { expect, onTestFinished, test } from 'vitest'

const digits = fileURLToPath(new URL('../../../examples/bundles/digits', import.meta.url))
const image = zeros('float32', [1, 1, 8, 8])

async function start(options: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await serve({ models: [digits], backend: onnxNode({ threads: 1 }), port: 0, grpcPort: 0, ...options })
  onTestFinished(() => server.close())
  return server
}

async function load(servers: readonly Server[], options: Partial<RemoteOptions> = {}): Promise<Model> {
  const urls = servers.map(({ grpcUrl }) => grpcUrl!)
  const model = await loadModel({ backend: remote({ urls, model: 'digits', retryDelayMs: 1, ...options }) })
  onTestFinished(() => model.dispose())
  return model
}

async function slowModel() {
  const { artifact } = await fixturesFor('onnx')
    .find(({ name }) => name === 'slow')!
    .load()
  return { name: 'slow', source: await artifact.files[0].bytes() }
}

test('a server that closes costs no call', async () => {
  const servers = [await start(), await start()]
  const model = await load(servers)
  const expected = await model.run({ image })
  let closed = false
  const closing = servers[0]!.close().then(() => {
    closed = true
  })
  do expect(await model.run({ image })).toEqual(expected)
  while (!closed)
  await closing
  for (let call = 0; call < 4; call++) expect(await model.run({ image })).toEqual(expected)
})

test('keys are sent, and a wrong one is told', async () => {
  const server = await start({ apiKeys: ['secret'] })
  await (await load([server], { apiKey: 'secret' })).run({ image })
  await expect(load([server], { apiKey: 'wrong' })).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    message: expect.stringMatching(/the API key that was sent is none of this server's.*check the option apiKey/),
  })
  await (await load([server], { headers: { 'x-api-key': 'secret' } })).run({ image })
})

test("a full queue is OVERLOADED with the server's time", async () => {
  const server = await start({ models: [await slowModel()], queue: { maxRequests: 1 } })
  const model = await load([server], { model: 'slow', retries: 0 })
  const input = zeros('float32', [4096, 1])
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => model.run({ input })))
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  expect(refused.length).toBeLessThan(8)
  for (const { reason } of refused) {
    expect(reason).toMatchObject({ code: 'OVERLOADED', details: { retryAfterSeconds: expect.any(Number) } })
  }
})

test('an abort and a time limit reach the server', async () => {
  const server = await start({ models: [await slowModel()] })
  const model = await load([server], { model: 'slow' })
  const input = zeros('float32', [8192, 1])
  const controller = new AbortController()
  const running = model.run({ input })
  const left = model.run({ input }, { signal: controller.signal })
  const late = model.run({ input }, { timeoutMs: 30 })
  const failures = Promise.allSettled([left, late])
  await expect(late).rejects.toMatchObject({ code: 'TIMED_OUT' })
  controller.abort()
  expect(await failures).toMatchObject([{ reason: { code: 'ABORTED' } }, { reason: { code: 'TIMED_OUT' } }])
  expect((await running).output!.shape).toEqual([8192, 1])
  await expect.poll(() => server.repository.get('slow').statistics().fail.count).toBe(2)
})

test('a hundred megabytes in and out', async () => {
  const { artifact } = await fixturesFor('onnx')
    .find(({ name }) => name === 'float32')!
    .load()
  const model = { name: 'float32', source: await artifact.files[0].bytes() }
  const server = await start({ models: [model], bodyLimit: 2 ** 28 })
  const client = await load([server], { model: 'float32' })
  const rows = 2 ** 23
  const data = Float32Array.from({ length: rows * 3 }, (_, index) => index % 1009)
  const { value } = await client.run({ input: tensor('float32', data, [rows, 3]) })
  expect(Buffer.compare(Buffer.from((value!.data as Float32Array<ArrayBuffer>).buffer), Buffer.from(data.buffer))).toBe(
    0,
  )
})

test('TLS, against an authority of its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorferry-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = (name: string): string => join(folder, name)
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
      .concat(['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'])
      .concat(['-keyout', file('key.pem'), '-out', file('cert.pem')]),
    { stdio: 'ignore' },
  )
  const tls = { cert: readFileSync(file('cert.pem'), 'utf8'), key: readFileSync(file('key.pem'), 'utf8') }
  const server = await start({ tls })
  const url = server.grpcUrl!.replace('127.0.0.1', 'localhost')
  const trusting = remote({ url, model: 'digits', certificateAuthority: tls.cert })
  await using model = await loadModel({ backend: trusting })
  expect((await model.run({ image })).logits!.shape).toEqual([1, 10])
  expect(await remote({ url, model: 'digits', retries: 0 }).probe({ timeoutMs: 30_000 })).toMatchObject({
    available: false,
    code: 'BACKEND_UNAVAILABLE',
    reason: expect.stringMatching(/certificate; pass the PEM text of its authority as certificateAuthority$/),
  })
  const rest = remote({ url: server.url.replace('127.0.0.1', 'localhost'), model: 'digits', retries: 0 })
  expect(await rest.probe({ timeoutMs: 30_000 })).toMatchObject({
    available: false,
    code: 'BACKEND_UNAVAILABLE',
    reason: expect.stringMatching(/SELF_SIGNED.*NODE_EXTRA_CA_CERTS/),
  })
})

test('an address with the wrong beginning is told, and the server closes in its time', async () => {
  const server = await start({ drainMs: 200 })
  const reasons = async (url: string): Promise<unknown> =>
    remote({ url, model: 'digits', retries: 0 }).probe({ timeoutMs: 30_000 })
  const cases: readonly (readonly [string, RegExp])[] = [
    [server.grpcUrl!.replace('grpc:', 'http:'), /does it speak HTTP\? The port of gRPC is addressed as grpc/],
    [server.url.replace('http:', 'https:'), /does it speak TLS\? Without it the address begins with http/],
    [server.url.replace('http:', 'grpc:'), /does it speak gRPC\? The port of HTTP/],
    [server.grpcUrl!.replace('grpc:', 'grpcs:'), /with TLS if the address begins with grpcs/],
  ]
  for (const [url, reason] of cases) {
    expect(await reasons(url), url).toMatchObject({ available: false, reason: expect.stringMatching(reason) })
  }
  // At once: grpc-js has not seen yet that the last connection failed, and would wait for it for ever.
  await server.close()
})
