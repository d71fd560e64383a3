import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import type { Backend } from '@tensorferry/core'
import { expect, onTestFinished, test } from 'vitest'
import type { LoadedModel } from '../src/models/loaded-model.ts'
import type { ServerEvent, ServerOptions } from '../src/options.ts'
import { type Server, serve } from '../src/server.ts'
import { deferred } from './deferred.ts'
import { bundlePath } from './load-models.ts'

async function start(options: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await serve({ models: [bundlePath('digits')], backend: onnxNode({ threads: 1 }), port: 0, ...options })
  onTestFinished(() => server.close())
  return server
}

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status
const body = JSON.stringify({
  inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], data: new Array<number>(64).fill(0.5) }],
})

/** Inferences that a held model has taken. */
const arrived = ({ load }: LoadedModel): number => load.waitingRequests + load.runningRequests

async function infer(url: string, model = 'digits'): Promise<readonly number[]> {
  const response = await fetch(`${url}/v2/models/${model}/infer`, { method: 'POST', body })
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  const { outputs } = (await response.json()) as { outputs: readonly { data: readonly number[] }[] }
  return outputs[0]!.data
}

/** onnx-node whose runs, after the verification's, wait until the test lets them go. */
function heldBackend() {
  const real = onnxNode({ threads: 1 })
  const gate = deferred()
  const started = deferred()
  let runs = 0
  const backend: Backend = {
    ...real,
    async createSession(...given) {
      const session = await real.createSession(...given)
      return Object.assign(Object.create(session) as typeof session, {
        inputs: session.inputs,
        outputs: session.outputs,
        runtime: session.runtime,
        dispose: () => session.dispose(),
        run: async (...call: Parameters<typeof session.run>) => {
          if (++runs === 1) return session.run(...call)
          started.resolve()
          await gate.promise
          return session.run(...call)
        },
      })
    },
  }
  return { backend, started: started.promise, release: () => gate.resolve() }
}

test('it is alive and not ready while models load, and ready when they have given the right numbers', async () => {
  const real = onnxNode({ threads: 1 })
  const gate = deferred()
  const backend: Backend = {
    ...real,
    createSession: async (...given) => {
      await gate.promise
      return real.createSession(...given)
    },
  }
  const listening = deferred<string>()
  const onEvent = (event: ServerEvent): void => {
    if (event.type === 'listening') listening.resolve(event.url)
  }
  const starting = start({ backend, onEvent })
  const url = await listening.promise
  expect(await statusOf(`${url}/v2/health/live`)).toBe(200)
  expect(await statusOf(`${url}/v2/health/ready`)).toBe(503)
  expect(await statusOf(`${url}/v2/models/digits/ready`)).not.toBe(200)
  gate.resolve()
  const server = await starting
  expect(server.url).toBe(url)
  expect(await statusOf(`${url}/v2/health/ready`)).toBe(200)
  expect(await statusOf(`${url}/v2/models/digits/ready`)).toBe(200)
  expect(await infer(url)).toHaveLength(10)
})

test('close answers what is in progress, refuses the rest, and nothing listens any more', async () => {
  const { backend, started, release } = heldBackend()
  const events: ServerEvent[] = []
  const server = await start({ backend, onEvent: (event) => void events.push(event) })
  const inProgress = Array.from({ length: 5 }, () => infer(server.url))
  await started
  const model = server.repository.get('digits') as LoadedModel
  // What came after the first run began waits; the first run may have more than one of them.
  await expect.poll(() => arrived(model)).toBe(5)
  const closing = server.close()
  await expect.poll(() => events.at(-1)).toMatchObject({ type: 'draining', inProgress: 5 })
  await expect(infer(server.url)).rejects.toThrow()
  release()
  for (const reply of await Promise.all(inProgress)) expect(reply).toHaveLength(10)
  await closing
  expect(events.at(-1)).toMatchObject({ type: 'unloaded', model: 'digits' })
  await expect(fetch(`${server.url}/v2/health/live`)).rejects.toThrow()
})

test('with unreadyMs it says first that it is not ready, and answers still', async () => {
  const server = await start({ unreadyMs: 1000 })
  const closing = server.close()
  expect(await statusOf(`${server.url}/v2/health/ready`)).toBe(503)
  expect(await infer(server.url)).toHaveLength(10)
  await closing
})

test('after drainMs what is not answered is cut off', async () => {
  const { backend, started, release } = heldBackend()
  const server = await start({ backend, drainMs: 50 })
  const lost = infer(server.url)
  lost.catch(() => undefined)
  await started
  const closing = server.close()
  await expect(lost).rejects.toThrow()
  release()
  await closing
})

test('a port that is taken, a model that fails: nothing listens', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { port: number }
  await expect(start({ port })).rejects.toMatchObject({
    code: 'BACKEND_UNAVAILABLE',
    message: expect.stringMatching(new RegExp(`^port ${port} of 127.0.0.1 is in use: .*--port`)),
    details: { reason: 'EADDRINUSE', host: '127.0.0.1', port },
  })

  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-server-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(bundlePath('digits'), folder, { recursive: true })
  await writeFile(join(folder, 'model.onnx'), 'half')
  let url = ''
  const events: string[] = []
  const onEvent = (event: ServerEvent): void => {
    events.push(event.type)
    if (event.type === 'listening') url = event.url
  }
  await expect(start({ models: [folder], onEvent })).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
  expect(events).not.toContain('draining')
  expect(url).not.toBe('')
  await expect(fetch(url)).rejects.toThrow()
})

test('a signal stops a server that is starting', async () => {
  const stop = new AbortController()
  const onEvent = (event: ServerEvent): void => {
    if (event.type === 'loading') stop.abort()
  }
  await expect(start({ signal: stop.signal, onEvent })).rejects.toMatchObject({ code: 'ABORTED' })
  await expect(start({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
})

test('reloads under load over HTTP: no request fails, and every reply is right', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-server-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(bundlePath('digits'), folder, { recursive: true })
  const server = await start({ models: [folder], watch: { intervalMs: 10 } })
  const expected = await infer(server.url)
  let isOver = false
  let answered = 0
  const clients = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      expect(await infer(server.url)).toEqual(expected)
      answered++
    }
  })
  const manifest = JSON.parse(await readFile(join(folder, 'bundle.json'), 'utf8')) as object
  for (const version of ['1.0.1', '1.0.2', '1.0.3']) {
    await writeFile(join(folder, 'bundle.json'), JSON.stringify({ ...manifest, version }))
    await expect.poll(() => server.repository.get('digits').version).toBe(version)
  }
  isOver = true
  await Promise.all(clients)
  expect(answered).toBeGreaterThan(8)
})
