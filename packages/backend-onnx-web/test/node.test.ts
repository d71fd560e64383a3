import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import makeBackend, { type OnnxWebOptions, onnxWeb } from '@tensorferry/backend-onnx-web'
import { type Artifact, type ArtifactFile, loadModel, TensorferryError, tensor } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'

const fixturePath = (name: string) =>
  fileURLToPath(new URL(`../../backend-onnx-node/test/fixtures/${name}`, import.meta.url))
const fileOf = (path: string): ArtifactFile => ({
  path,
  size: null,
  sha256: null,
  bytes: async () => Uint8Array.from(await readFile(fixturePath(path))),
})
const artifactOf = (...files: [ArtifactFile, ...ArtifactFile[]]): Artifact => ({
  name: 'onnx',
  format: 'onnx',
  files,
  requires: {},
})
const model = (name: string) => ({ artifact: artifactOf(fileOf(`${name}.onnx`)) })
const x = tensor('float32', [1, 2], [1, 2])

describe('options that are refused', () => {
  test.each<[string, unknown, RegExp]>([
    ['a misspelt name', { thread: 2 }, /unknown option 'thread'\. Known options: provider, threads/],
    ['no threads', { threads: 0 }, /threads: expected a whole number, at least 1, got 0/],
    ['a misspelt provider', { provider: 'webgpo' }, /provider: expected one of wasm, webgpu, webnn, got "webgpo"$/],
    ['a provider of Node’s', { provider: 'cuda' }, /provider: expected one of wasm, webgpu, webnn, got "cuda"/],
    ['no provider', { provider: [] }, /at least one provider/],
    [
      "another provider's setting",
      { provider: { name: 'wasm', deviceType: 'gpu' } },
      /provider wasm: unknown option 'deviceType'/,
    ],
    ['a wrong cancellation', { cancellation: 'kill' }, /cancellation: expected one of "finish", "terminate"/],
    ['a number as a folder', { assets: 1 }, /assets: expected a URL, got 1/],
    ['options that are not an object', 'wasm', /options: expected an object, got string/],
  ])('%s', (_, options, message) => {
    expect(() => onnxWeb(options as OnnxWebOptions)).toThrow(message)
    expect(() => onnxWeb(options as OnnxWebOptions)).toThrow(TensorferryError)
  })
})

test('the default export is the factory', () => {
  expect(makeBackend).toBe(onnxWeb)
  expect(onnxWeb()).toMatchObject({ apiVersion: 1, name: 'onnx-web', formats: ['onnx'] })
})

describe('Node', () => {
  test('what a session says of itself', async () => {
    const session = await onnxWeb({ threads: 2 }).createSession(model('mlp-10-10'))
    expect(session.runtime).toEqual({
      name: 'onnxruntime-web',
      version: '1.30.0',
      device: 'cpu',
      provider: 'wasm',
      threads: 2,
      refused: [],
      warnings: [],
    })
    await session.dispose()
  })

  test('a GPU is a browser’s', async () => {
    const session = await onnxWeb({ provider: ['webgpu', 'wasm'] }).createSession(model('mlp-10-10'))
    expect(session.runtime).toMatchObject({
      provider: 'wasm',
      refused: [{ provider: 'webgpu', reason: expect.stringContaining('only wasm here') }],
    })
    await session.dispose()
  })

  test.each([
    ['future-opset', /opset 99/, { opset: '99' }],
    ['unknown-operator', /operator Fancy/, { operator: 'Fancy' }],
    ['unknown-domain', /my\.ops/, { domain: 'my.ops' }],
  ])('%s names what is missing', async (name, message, details) => {
    await expect(onnxWeb({ threads: 1 }).createSession(model(name))).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      message: expect.stringMatching(message),
      details,
    })
  })

  test('external data: listed it is read, else its name is told', async () => {
    const backend = onnxWeb({ threads: 1 })
    const artifact = artifactOf(fileOf('external.onnx'), fileOf('external.weights'))
    const session = await backend.createSession({ artifact })
    const { y } = await session.run({ x: tensor('float32', new Float32Array(8).fill(1)) })
    expect(y).toEqual(tensor('float32', [1, 2, 3, 4, 5, 6, 7, 8]))
    await session.dispose()
    await expect(backend.createSession(model('external'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      details: { missing: 'external.weights' },
    })
    const short = { ...fileOf('external.weights'), bytes: async () => new Uint8Array(8) }
    await expect(backend.createSession({ artifact: artifactOf(fileOf('external.onnx'), short) })).rejects.toMatchObject(
      { code: 'FORMAT_UNSUPPORTED', message: expect.stringMatching(/external\.weights.*download it again/) },
    )
  })

  test('a node that fails is an error, and the session goes on', async () => {
    const session = await onnxWeb({ threads: 1 }).createSession(model('two-inputs'))
    const vector = (length: number) => tensor('float32', new Float32Array(length).fill(1))
    await expect(session.run({ a: vector(2), b: vector(3) })).rejects.toMatchObject({
      code: 'RUNTIME_FAILED',
      message: expect.stringMatching(/ran the model: .*2 by 3/),
    })
    expect((await session.run({ a: vector(2), b: vector(2) })).sum!.data).toEqual(new Float32Array([2, 2]))
    await session.dispose()
  })

  test('a worker thread that ends: an error that helps, and the next run starts a new one', async () => {
    const workers: Worker[] = []
    const remember = (message: unknown) => workers.push((message as { worker: Worker }).worker)
    subscribe('worker_threads', remember)
    const session = await onnxWeb({ threads: 1 }).createSession(model('identity-float32'))
    unsubscribe('worker_threads', remember)
    const running = session.run({ x })
    await Promise.all([
      expect(running).rejects.toMatchObject({
        code: 'RUNTIME_FAILED',
        message: expect.stringContaining('the next run starts a new one'),
      }),
      workers[0]!.terminate(),
    ])
    expect((await session.run({ x })).y!.data).toEqual(x.data)
    await session.dispose()
  })

  test('a bundle’s goldens, all of them', async () => {
    for (const name of ['recurrent', 'two-inputs']) {
      const path = fileURLToPath(new URL(`../../core/test/fixtures/bundles/${name}`, import.meta.url))
      await using loaded = await loadModel(path, { backend: onnxWeb({ threads: 1 }), verify: 'full' })
      expect(loaded.report.verify.cases.length).toBeGreaterThan(0)
    }
  })
})
