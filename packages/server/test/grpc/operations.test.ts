import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ChannelCredentials, status } from '@grpc/grpc-js'
import type { ModelInferResponse } from '@tensorferry/inference-protocol/grpc-messages'
import { expect, onTestFinished, test } from 'vitest'
import { bundlePath } from '../load-models.ts'
import { rawClient } from './raw-client.ts'
import { fixtureModel, startServer } from './start-server.ts'

const digits = {
  model_name: 'digits',
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8] }],
  raw_input_contents: [new Uint8Array(256)],
}
/** Some hundred milliseconds of one core. */
const slow = (rows: number) => ({
  model_name: 'slow',
  inputs: [{ name: 'input', datatype: 'FP32', shape: [rows, 1] }],
  raw_input_contents: [new Uint8Array(4 * rows)],
})

async function failure(promise: Promise<unknown>): Promise<{ code: number; details: string }> {
  return promise.then(
    () => ({ code: status.OK, details: '' }),
    (error) => error,
  )
}

test('API keys: everything but health asks for one, as bearer or x-api-key', async () => {
  const { address } = await startServer({ apiKeys: ['one', 'two'] })
  const client = rawClient(address)
  expect(await client.call('ServerReady', {})).toEqual({ ready: true })
  expect(await client.call('ModelReady', { name: 'digits' })).toEqual({ ready: true })
  for (const headers of [{}, { authorization: 'Bearer three' }, { 'x-api-key': 'on' }, { authorization: 'one' }]) {
    expect((await failure(client.call('ModelInfer', digits, { headers }))).code).toBe(status.UNAUTHENTICATED)
    expect((await failure(client.call('RepositoryIndex', {}, { headers }))).code).toBe(status.UNAUTHENTICATED)
  }
  for (const headers of [{ authorization: 'Bearer two' }, { 'x-api-key': 'one' }]) {
    const response = await client.call<ModelInferResponse>('ModelInfer', digits, { headers })
    expect(response.outputs[0]!.shape).toEqual(['1', '10'])
  }
  const stream = client.stream('ModelStreamInfer')
  const ended = new Promise<{ code: number }>((resolve) => stream.on('error', resolve as never))
  stream.on('data', () => {})
  expect((await ended).code).toBe(status.UNAUTHENTICATED)
})

test('load and unload are off without a token', async () => {
  const { address } = await startServer()
  const client = rawClient(address)
  for (const method of ['RepositoryModelLoad', 'RepositoryModelUnload']) {
    const error = await failure(client.call(method, { model_name: 'digits' }))
    expect(error.code).toBe(status.PERMISSION_DENIED)
    expect(error.details).toMatch(/switched off/)
  }
})

test('a deadline and a cancel end the request and leave the others', async () => {
  const { address, repository, inProgress } = await startServer({ models: [await fixtureModel('slow')] })
  const client = rawClient(address)
  const late = failure(client.call('ModelInfer', slow(2048), { deadline: Date.now() + 20 }))
  expect((await late).code).toBe(status.DEADLINE_EXCEEDED)

  const controller = new AbortController()
  const kept = client.call<ModelInferResponse>('ModelInfer', slow(8192))
  const left = failure(client.call('ModelInfer', slow(8192), { signal: controller.signal }))
  await expect.poll(inProgress, { interval: 5 }).toBe(2)
  controller.abort()
  expect((await left).code).toBe(status.CANCELLED)
  expect((await kept).outputs[0]!.shape).toEqual(['8192', '1'])
  await expect.poll(() => repository.get('slow').statistics().fail.count).toBe(2)
})

test('a message over the limit is refused, and so is one that unpacks to more', async () => {
  const { address } = await startServer({ bodyLimit: 100_000 })
  const client = rawClient(address)
  const large = { ...digits, raw_input_contents: [new Uint8Array(200_000)] }
  expect((await failure(client.call('ModelInfer', large))).code).toBe(status.RESOURCE_EXHAUSTED)

  const bomb = gzipSync(Buffer.alloc(50_000_000))
  expect(bomb.byteLength).toBeLessThan(100_000)
  const prefix = Buffer.alloc(5)
  prefix[0] = 1
  prefix.writeUInt32BE(bomb.byteLength, 1)
  const session = connect(`http://${address}`)
  onTestFinished(() => session.destroy())
  const stream = session.request({
    ':method': 'POST',
    ':path': '/inference.GRPCInferenceService/ModelInfer',
    'content-type': 'application/grpc',
    'grpc-encoding': 'gzip',
    te: 'trailers',
  })
  const code = new Promise<string>((resolve) => {
    stream.on('response', (headers) => headers['grpc-status'] && resolve(String(headers['grpc-status'])))
    stream.on('trailers', (trailers) => resolve(String(trailers['grpc-status'])))
  })
  stream.end(Buffer.concat([prefix, bomb]))
  expect(await code).toBe(String(status.RESOURCE_EXHAUSTED))
  expect((await client.call<ModelInferResponse>('ModelInfer', digits)).outputs).toHaveLength(1)
})

test('more requests than the rate limit allows are RESOURCE_EXHAUSTED', async () => {
  const { address } = await startServer({ rateLimit: { requests: 3, perMs: 3_600_000 } })
  const client = rawClient(address)
  for (let request = 0; request < 3; request++) await client.call('ModelInfer', digits)
  const error = await failure(client.call('ModelInfer', digits))
  expect(error.code).toBe(status.RESOURCE_EXHAUSTED)
  expect(error.details).toMatch(/more than 3 requests/)
  expect(await client.call('ServerLive', {})).toEqual({ live: true })
})

test('rate limits count a client by a key that is right, else by address', async () => {
  const { address } = await startServer({ rateLimit: { requests: 3, perMs: 3_600_000 }, apiKeys: ['a', 'b'] })
  const client = rawClient(address)
  const codes = async (...all: readonly Record<string, string>[]): Promise<number[]> => {
    const found: number[] = []
    for (const headers of all) found.push((await failure(client.call('ServerMetadata', {}, { headers }))).code)
    return found
  }
  const { OK, UNAUTHENTICATED, RESOURCE_EXHAUSTED } = status
  // One key, whatever is shown beside it and however it is shown.
  const a = { 'x-api-key': 'a' }
  expect(await codes(a, { ...a, authorization: 'Bearer 1' }, { authorization: 'Bearer a' }, a)).toEqual([
    ...[OK, OK, OK, RESOURCE_EXHAUSTED],
  ])
  expect(await codes({ 'x-api-key': 'b' })).toEqual([OK])
  const madeUp = Array.from({ length: 5 }, (_, index) => ({ 'x-api-key': `made up ${index}` }))
  const refused = [UNAUTHENTICATED, UNAUTHENTICATED, UNAUTHENTICATED, RESOURCE_EXHAUSTED, RESOURCE_EXHAUSTED]
  expect(await codes(...madeUp)).toEqual(refused)
})

test('without keys a made-up one begins no new window', async () => {
  const { address } = await startServer({ rateLimit: { requests: 2, perMs: 3_600_000 } })
  const client = rawClient(address)
  const codes: number[] = []
  for (const key of ['one', 'two', 'three']) {
    codes.push((await failure(client.call('ServerMetadata', {}, { headers: { 'x-api-key': key } }))).code)
  }
  expect(codes).toEqual([status.OK, status.OK, status.RESOURCE_EXHAUSTED])
})

test('TLS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorferry-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = (name: string): string => join(folder, name)
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
      .concat(['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'])
      .concat(['-keyout', file('key.pem'), '-out', file('cert.pem')]),
    { stdio: 'ignore' },
  )
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => readFileSync(file(name), 'utf8'))
  const server = await startServer({ tls: { cert: cert!, key: key! } })
  expect(server.grpcUrl).toMatch(/^grpcs:/)
  const trusting = rawClient(server.address, ChannelCredentials.createSsl(Buffer.from(cert!)))
  expect((await trusting.call<ModelInferResponse>('ModelInfer', digits)).model_name).toBe('digits')
  const plain = rawClient(server.address)
  expect((await failure(plain.call('ServerLive', {}, { deadline: Date.now() + 5_000 }))).code).not.toBe(status.OK)
})

test('closing answers what is in progress and refuses what comes, on streams too', async () => {
  const server = await startServer({ models: [await fixtureModel('slow'), bundlePath('digits')] })
  const client = rawClient(server.address)
  await client.call('ServerLive', {})
  const answers: unknown[] = []
  const stream = client.stream('ModelStreamInfer')
  const streamEnd = new Promise<{ code: number }>((resolve) => stream.on('error', resolve as never))
  stream.on('data', (answer) => answers.push(answer))
  const first = new Promise((resolve) => stream.once('data', resolve))
  stream.write(digits)
  await first

  const running = client.call<ModelInferResponse>('ModelInfer', slow(8192))
  stream.write(slow(8192))
  await expect.poll(server.inProgress, { interval: 5 }).toBe(2)
  const closed = server.close()
  const refused = await failure(client.call('ModelInfer', digits))
  expect(refused.code).toBe(status.UNAVAILABLE)
  expect((await running).outputs[0]!.shape).toEqual(['8192', '1'])
  expect((await streamEnd).code).toBe(status.UNAVAILABLE)
  expect(answers).toHaveLength(2)
  await closed
})

test('a port that is taken, and a certificate that is none, are told', async () => {
  const { address } = await startServer()
  const grpcPort = Number(address.split(':')[1])
  await expect(startServer({ grpcPort })).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringMatching(new RegExp(`^port ${grpcPort} of 127.0.0.1 is in use: .*--grpc-port`)),
  })
  await expect(startServer({ tls: { cert: 'none', key: 'none' } })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})
