import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type RemoteOptions, remote } from '@tensorferry/backend-remote'
import { type ErrorCode, loadModel, TensorferryError, tensor } from '@tensorferry/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Behaviour, type FaultyServer, faultyServer } from './servers/faulty-server.ts'

const input = tensor('float32', new Float32Array([1, -2.5]), [2])
const doubled = new Float32Array([2, -5])

async function load(server: FaultyServer, options: Partial<RemoteOptions> = {}) {
  const model = await loadModel({ backend: remote({ url: server.url, model: 'double', retryDelayMs: 1, ...options }) })
  onTestFinished(() => model.dispose())
  return model
}

async function failure(promise: Promise<unknown>): Promise<TensorferryError> {
  const error = await promise.then(
    () => expect.fail('it succeeded'),
    (thrown: unknown) => thrown,
  )
  if (!TensorferryError.is(error)) throw error
  return error
}

const overloaded = { status: 503, headers: { 'retry-after': '0' }, body: { error: 'full' } } as const

describe('what surely was not run is tried again', () => {
  test.each<[string, Behaviour]>([
    ['503 with Retry-After', overloaded],
    ['429 with Retry-After', { status: 429, headers: { 'retry-after': '0' } }],
    ['a model that was replaced meanwhile', { status: 409, body: { error: 'unloaded', code: 'SESSION_DISPOSED' } }],
    ['a server that closes', { status: 503, body: { error: 'closing', code: 'BACKEND_UNAVAILABLE' } }],
  ])('%s', async (_, behaviour) => {
    const server = await faultyServer()
    const model = await load(server)
    server.script(behaviour, behaviour)
    expect((await model.run({ input })).output!.data).toEqual(doubled)
    expect(server.requests).toBe(3)
  })

  test('as often as retries says, and the error tells how often', async () => {
    const server = await faultyServer()
    const model = await load(server, { retries: 3 })
    server.always(overloaded)
    const error = await failure(model.run({ input }))
    expect(error.code).toBe('OVERLOADED')
    expect(error.details).toMatchObject({ tries: 4, retryAfterSeconds: 0 })
    expect(server.requests).toBe(4)
  })

  test('not at all with retries: 0', async () => {
    const server = await faultyServer()
    const model = await load(server, { retries: 0 })
    server.script(overloaded)
    expect((await failure(model.run({ input }))).code).toBe('OVERLOADED')
    expect(server.requests).toBe(1)
  })

  test('not when the server asks for more time than the call has', async () => {
    const server = await faultyServer()
    const model = await load(server)
    server.script({ ...overloaded, headers: { 'retry-after': '60' } })
    expect((await failure(model.run({ input }, { timeoutMs: 5_000 }))).code).toBe('OVERLOADED')
    expect(server.requests).toBe(1)
  })

  test('a server that is not there, until it is', async () => {
    const server = await faultyServer()
    const model = await load(server, { retries: 0 })
    await server.stop()
    const error = await failure(model.run({ input }))
    expect(error.code).toBe('BACKEND_UNAVAILABLE')
    expect(error.message).toMatch(/ECONNREFUSED/)
    await server.start()
    expect((await model.run({ input })).output!.data).toEqual(doubled)
  })
})

describe('what may have been run is not tried again', () => {
  test.each<[string, Behaviour, ErrorCode]>([
    ['a connection that is cut', 'cut', 'BACKEND_UNAVAILABLE'],
    ['502 of a proxy', { status: 502, body: 'Bad Gateway' }, 'BACKEND_UNAVAILABLE'],
    ['503 of a proxy', { status: 503, body: 'no upstream' }, 'BACKEND_UNAVAILABLE'],
    ['504 of a proxy', { status: 504, body: 'late' }, 'TIMED_OUT'],
  ])('%s, unless it is idempotent', async (_, behaviour, code) => {
    const server = await faultyServer()
    const careful = await load(server)
    server.script(behaviour)
    const error = await failure(careful.run({ input }))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(/; it may have been run, so it was not tried again: set idempotent: true/)
    expect(server.requests).toBe(1)

    const idempotent = await load(server, { idempotent: true })
    server.script(behaviour, behaviour)
    expect((await idempotent.run({ input })).output!.data).toEqual(doubled)
    expect(server.requests).toBe(4)
  })

  test.each<[Behaviour, ErrorCode, RegExp]>([
    [{ status: 400, body: { error: 'input: wrong' } }, 'INPUT_INVALID', /answered 400: input: wrong/],
    [{ status: 422, body: { detail: [{ msg: 'field required' }] } }, 'INPUT_INVALID', /field required/],
    [{ status: 401, body: { error: 'who?' } }, 'OPTIONS_INVALID', /apiKey/],
    [{ status: 404, body: { detail: 'Not Found' } }, 'NOT_FOUND', /model and version/],
    [{ status: 500, body: { error: 'kernel failed' } }, 'RUNTIME_FAILED', /kernel failed/],
    [{ status: 507, body: { error: 'memory', code: 'OUT_OF_MEMORY' } }, 'OUT_OF_MEMORY', /memory/],
    [{ status: 499, body: { error: 'left', code: 'ABORTED' } }, 'RUNTIME_FAILED', /left/],
    [{ status: 200, body: '<html>' }, 'RUNTIME_FAILED', /something else than the protocol/],
    [{ status: 200, body: { outputs: [] } }, 'RUNTIME_FAILED', /expected output as float32/],
    [
      { status: 200, body: { outputs: [{ name: 'output', datatype: 'FP32', shape: [3], data: [1] }] } },
      'RUNTIME_FAILED',
      /holds 3 elements, got 1/,
    ],
    [
      { status: 200, body: { outputs: [{ name: 'output', datatype: 'FP32', shape: [1], data: [null] }] } },
      'RUNTIME_FAILED',
      /writes NaN and infinities as null/,
    ],
  ])('%j is %s', async (behaviour, code, text) => {
    const server = await faultyServer()
    const model = await load(server, { idempotent: true })
    server.script(behaviour)
    const error = await failure(model.run({ input }))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(text)
    expect(server.requests).toBe(1)
  })
})

test.each(['"text"', '3', 'null'])('metadata that is %s is no object, and the error says so', async (body) => {
  const server = createServer((_, response) => response.end(body)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const error = await failure(loadModel({ backend: remote({ url, model: 'double', retries: 0 }) }))
  expect(error.code).toBe('RUNTIME_FAILED')
  expect(error.message).toContain(`expected a JSON object, got ${body}`)
})

describe('leaving', () => {
  test('an abort closes the request', async () => {
    const server = await faultyServer()
    const model = await load(server)
    server.script('hang')
    const controller = new AbortController()
    const run = failure(model.run({ input }, { signal: controller.signal }))
    await expect.poll(() => server.requests).toBe(1)
    controller.abort()
    expect((await run).code).toBe('ABORTED')
    await expect.poll(() => server.abandoned).toBe(1)
    expect((await model.run({ input })).output!.data).toEqual(doubled)
  })

  test("timeoutMs of the call, or else the backend's, closes it too", async () => {
    const server = await faultyServer()
    const model = await load(server, { timeoutMs: 60 })
    server.script('hang', 'hang')
    expect((await failure(model.run({ input }))).code).toBe('TIMED_OUT')
    expect((await failure(model.run({ input }, { timeoutMs: 20 }))).message).toMatch(/timeoutMs = 20/)
    await expect.poll(() => server.abandoned).toBe(2)
  })

  test('an abort ends the wait before a retry', async () => {
    const server = await faultyServer()
    const model = await load(server)
    server.script({ ...overloaded, headers: { 'retry-after': '3600' } })
    const controller = new AbortController()
    const run = failure(model.run({ input }, { signal: controller.signal }))
    await expect.poll(() => server.requests).toBe(1)
    controller.abort()
    expect((await run).code).toBe('ABORTED')
    expect(server.requests).toBe(1)
  })
})
