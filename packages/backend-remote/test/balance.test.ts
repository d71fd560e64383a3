import type { RemoteSession } from '@tensorferry/backend-remote'
import { type RemoteOptions, remote } from '@tensorferry/backend-remote'
import { loadModel, type Model, tensor } from '@tensorferry/core'
import { expect, onTestFinished, test } from 'vitest'
import { type FaultyServer, faultyServer } from './servers/faulty-server.ts'

const input = tensor('float32', new Float32Array([3]), [1])

async function load(servers: readonly FaultyServer[], options: Partial<RemoteOptions> = {}) {
  const urls = servers.map(({ url }) => url)
  const backend = remote({ urls, model: 'double', retryDelayMs: 1, ...options })
  const model = await loadModel({ backend })
  onTestFinished(() => model.dispose())
  return model
}

const outOf = (model: Model): readonly string[] => (model.session as RemoteSession).unavailable
const requestsOf = (servers: readonly FaultyServer[]): readonly number[] => servers.map(({ requests }) => requests)

test('calls one after the other go round', async () => {
  const servers = [await faultyServer(), await faultyServer(), await faultyServer()]
  const model = await load(servers)
  for (let call = 0; call < 9; call++) await model.run({ input })
  expect(requestsOf(servers)).toEqual([3, 3, 3])
})

test('a busy server gets no more than it has to', async () => {
  const servers = [await faultyServer(), await faultyServer()]
  const [busy, idle] = servers
  const model = await load(servers)
  busy!.always('hang')
  idle!.always('answer')
  const pending: Promise<unknown>[] = []
  const first = model.run({ input })
  const second = model.run({ input })
  await expect.poll(() => requestsOf(servers)).toEqual([1, 1])
  pending.push(first, second)
  await Promise.race(pending)
  for (let call = 0; call < 5; call++) await model.run({ input })
  expect(requestsOf(servers)).toEqual([1, 6])
  busy!.release()
  await Promise.all(pending)
})

test('a dead server costs no call, is left out, and comes back', async () => {
  const servers = [await faultyServer(), await faultyServer()]
  const [dead, alive] = servers
  const model = await load(servers)
  await dead!.stop()
  for (let call = 0; call < 6; call++) expect((await model.run({ input })).output!.data[0]).toBe(6)
  expect(outOf(model)).toEqual([dead!.url])
  expect(alive!.requests).toBe(6)
  await dead!.start()
  await expect.poll(() => outOf(model), { timeout: 20_000 }).toEqual([])
  for (let call = 0; call < 4; call++) await model.run({ input })
  expect(requestsOf(servers)).toEqual([2, 8])
})

test('a server that is there again and not ready stays out', async () => {
  const servers = [await faultyServer(), await faultyServer()]
  const [dead] = servers
  const model = await load(servers)
  await dead!.stop()
  for (let call = 0; call < 2; call++) await model.run({ input })
  dead!.ready = false
  await dead!.start()
  await new Promise<void>((resolve) => dead!.onReadyAsked(resolve))
  expect(outOf(model)).toEqual([dead!.url])
  dead!.ready = true
  await expect.poll(() => outOf(model), { timeout: 20_000 }).toEqual([])
})

test('three breaks in a row take a server out; an answer between them does not', async () => {
  const servers = [await faultyServer(), await faultyServer()]
  const [breaking] = servers
  const model = await load(servers, { idempotent: true })
  breaking!.script('cut', 'cut', 'answer', 'cut', 'cut')
  for (let call = 0; call < 10; call++) await model.run({ input })
  expect(outOf(model)).toEqual([])
  breaking!.always('cut')
  for (let call = 0; call < 6; call++) await model.run({ input })
  expect(outOf(model)).toEqual([breaking!.url])
})

test('with all servers out a call still tries one', async () => {
  const servers = [await faultyServer(), await faultyServer()]
  const model = await load(servers, { retries: 1 })
  await Promise.all(servers.map((server) => server.stop()))
  await expect(model.run({ input })).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', details: { tries: 2 } })
  expect(outOf(model)).toHaveLength(2)
  await servers[1]!.start()
  await expect
    .poll(() =>
      model.run({ input }).then(
        ({ output }) => output!.data[0],
        () => 0,
      ),
    )
    .toBe(6)
})

/** Begins a call that hangs on the first server it comes to. */
async function hangingCall(model: Model, servers: readonly FaultyServer[], options?: { others: 'hang' }) {
  for (const server of servers) server.script('hang')
  const run = model.run({ input })
  await expect.poll(() => servers.filter(({ requests }) => requests > 0).length).toBe(1)
  const first = servers.find(({ requests }) => requests > 0)!
  const second = servers.find(({ requests }) => requests === 0)!
  if (!options) second.clear()
  return { run, first, second }
}

test('hedging is off by default', async () => {
  const servers = [await faultyServer(), await faultyServer()]
  const { run, first, second } = await hangingCall(await load(servers), servers)
  await second.stop()
  first.release()
  expect((await run).output!.data[0]).toBe(6)
  expect(second.requests).toBe(0)
})

test('a hedged call takes the first answer and cancels the other', async () => {
  const servers = [await faultyServer(), await faultyServer()]
  const model = await load(servers, { hedgeAfterMs: 100 })
  const { run, first, second } = await hangingCall(model, servers)
  expect((await run).output!.data[0]).toBe(6)
  expect(requestsOf(servers)).toEqual([1, 1])
  await expect.poll(() => first.abandoned).toBe(1)
  expect(second.abandoned).toBe(0)
  expect(outOf(model)).toEqual([])
})

test('a hedged call whose first request breaks later waits for the second', async () => {
  const servers = [await faultyServer(), await faultyServer()]
  const model = await load(servers, { hedgeAfterMs: 100 })
  const { run, first, second } = await hangingCall(model, servers, { others: 'hang' })
  await expect.poll(() => second.requests).toBe(1)
  await first.stop()
  second.release()
  expect((await run).output!.data[0]).toBe(6)
})
