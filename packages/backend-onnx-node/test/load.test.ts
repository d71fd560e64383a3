import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type Artifact, type Signature, tensor } from '@tensorferry/core'
import { openLocalFile } from '@tensorferry/core/node'
import { afterAll, describe, expect, test } from 'vitest'
import { artifactOf, fileOf, fixturePath, inMemory, model, onDisk } from './model-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'tensorferry-'))
afterAll(() => rmSync(folder, { recursive: true }))

const backend = onnxNode({ threads: 1 })
const content = (name: string) => readFileSync(fixturePath(name))
const refusal = (artifact: Artifact) => expect(backend.createSession({ artifact })).rejects

describe('files that are no ONNX model', () => {
  const text = (value: string) => () => new TextEncoder().encode(value)
  const whole = () => content('conv-224.onnx')
  test.each<[string, () => Uint8Array, RegExp]>([
    ['an empty file', text(''), /empty file/],
    ['an HTML page', text('<!DOCTYPE html><html><body>404</body></html>'), /HTML page/],
    [
      'a Git-LFS pointer',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
      /Git-LFS pointer/,
    ],
    ['a zip archive', () => new Uint8Array([0x50, 0x4b, 3, 4, ...new Array<number>(60).fill(0)]), /zip archive/],
    ['a truncated model', () => whole().subarray(0, 500), /truncated/],
    [
      'a model with a hole in it',
      () => {
        const bytes = whole()
        bytes.fill(0xff, 40, 200)
        return bytes
      },
      /not a complete ONNX model|damaged/,
    ],
  ])('%s has a message of its own', async (_, bytes, message) => {
    await refusal(artifactOf(fileOf('model.onnx', bytes))).toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      message: expect.stringMatching(message),
    })
  })

  test.each([
    ['future-opset', /opset 99/, { opset: '99' }],
    ['unknown-operator', /operator Fancy/, { operator: 'Fancy' }],
    ['unknown-domain', /my\.ops/, { domain: 'my.ops' }],
  ])('%s names what is missing', async (name, message, details) => {
    await refusal(model(name).artifact).toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      message: expect.stringMatching(message),
      details,
    })
  })

  test('a path that is gone', async () => {
    const gone = {
      ...fileOf('gone.onnx', () => new Uint8Array()),
      localFile: () => openLocalFile(join(folder, 'gone.onnx')),
    }
    await refusal(artifactOf(gone)).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('an artifact of another format', async () => {
    await refusal({ ...model('mlp-10-10').artifact, format: 'torchscript' }).toMatchObject({
      code: 'BACKEND_INCOMPATIBLE',
    })
  })

  test('no artifact', async () => {
    await expect(backend.createSession({})).rejects.toMatchObject({ code: 'BACKEND_INCOMPATIBLE' })
  })
})

describe('external data', () => {
  const x = tensor('float32', new Float32Array(8).fill(1))
  const expected = tensor('float32', [1, 2, 3, 4, 5, 6, 7, 8])

  test.each<[string, () => Artifact]>([
    ['on disk', () => artifactOf(onDisk('external.onnx'), onDisk('external.weights'))],
    ['in memory', () => artifactOf(inMemory('external.onnx'), inMemory('external.weights'))],
    ['the weights in memory only', () => artifactOf(onDisk('external.onnx'), inMemory('external.weights'))],
    [
      'the weights in another folder',
      () => {
        copyFileSync(fixturePath('external.onnx'), join(folder, 'external.onnx'))
        const path = join(folder, 'external.onnx')
        return artifactOf(
          { ...inMemory('external.onnx'), localFile: () => openLocalFile(path) },
          onDisk('external.weights'),
        )
      },
    ],
  ])('%s', async (_, artifact) => {
    const session = await onnxNode({ threads: 1, replicas: 2 }).createSession({ artifact: artifact() })
    const results = await Promise.all([session.run({ x }), session.run({ x })])
    for (const { y } of results) expect(y).toEqual(expected)
    await session.dispose()
  })

  test('weights that are beside the model but not listed are not read', async () => {
    for (const file of [onDisk('external.onnx'), inMemory('external.onnx')]) {
      await refusal(artifactOf(file)).toMatchObject({ code: 'NOT_FOUND', details: { missing: 'external.weights' } })
    }
  })

  test('with a signature the bundle is at fault', async () => {
    const signature: Signature = { dims: {}, inputs: [], outputs: [], states: [] }
    const artifact = artifactOf(onDisk('external.onnx'))
    await expect(backend.createSession({ artifact, signature })).rejects.toMatchObject({
      code: 'BUNDLE_INVALID',
      message: expect.stringContaining('external.weights'),
    })
  })

  test('weights that are cut short', async () => {
    const short = fileOf('external.weights', () => content('external.weights').subarray(0, 8))
    await refusal(artifactOf(inMemory('external.onnx'), short)).toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      message: expect.stringMatching(/cut short.*has 8/),
    })
  })
})

describe('names and sizes', () => {
  test('of a bare file: only plain names are dims', async () => {
    const session = await backend.createSession(model('dim-names'))
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['batch', null, null, null, null, null, 2] }])
    await session.dispose()
  })

  test('an input with a default is not asked for', async () => {
    const session = await backend.createSession(model('defaulted-input'))
    expect(session.inputs.map(({ name }) => name)).toEqual(['x'])
    const { y } = await session.run({ x: tensor('float32', [1, 2], [1, 2]) })
    expect(y).toEqual(tensor('float32', [11, 22], [1, 2]))
    await session.dispose()
  })

  test('a declared output shape that is wrong does not get in the way', async () => {
    const session = await backend.createSession(model('wrong-output-shape'))
    const { y } = await session.run({ x: tensor('float32', [1, 2, 3, 4], [2, 2]) })
    expect(y).toEqual(tensor('float32', [1, 2, 3, 4]))
    await session.dispose()
  })

  const matching: Signature = {
    dims: {},
    inputs: [
      { name: 'a', dtype: 'float32', shape: ['n'] },
      { name: 'b', dtype: 'float32', shape: ['n'] },
    ],
    outputs: [{ name: 'sum', dtype: 'float32', shape: ['n'] }],
    states: [],
  }
  const [a, b] = matching.inputs as [Signature['inputs'][number], Signature['inputs'][number]]
  test.each<[string, Partial<Signature>, RegExp]>([
    ['an input that the model lacks', { inputs: [a, b, { ...b, name: 'c' }] }, /no input "c".*a, b/],
    ['an output that the model lacks', { outputs: [{ ...a, name: 'total' }] }, /no output "total".*sum/],
    ['an input that only the model has', { inputs: [a] }, /needs input "b"/],
    ['another dtype', { inputs: [a, { ...b, dtype: 'int64' }] }, /"b" is float32 in the model, int64/],
  ])('a signature with %s is refused', async (_, change, message) => {
    const source = { ...model('two-inputs'), signature: { ...matching, ...change } }
    await expect(backend.createSession(source)).rejects.toMatchObject({
      code: 'BUNDLE_INVALID',
      message: expect.stringMatching(message),
    })
  })

  test('the signature decides what is checked', async () => {
    const session = await backend.createSession({ ...model('two-inputs'), signature: matching })
    const pair = (m: number, n: number) => ({
      a: tensor('float32', new Float32Array(m)),
      b: tensor('float32', new Float32Array(n)),
    })
    await expect(session.run(pair(2, 3))).rejects.toMatchObject({ code: 'INPUT_INVALID', details: { dim: 'n' } })
    expect((await session.run(pair(2, 2))).sum!.shape).toEqual([2])
    await session.dispose()
  })
})

test('progress: one step a replica', async () => {
  const seen: [number, number | null][] = []
  const session = await onnxNode({ replicas: 2, threads: 1 }).createSession(model('mlp-10-10'), {
    onProgress: ({ phase, loaded, total }) => {
      if (phase === 'load') seen.push([loaded, total])
    },
  })
  expect(seen).toEqual([
    [0, 2],
    [1, 2],
    [2, 2],
  ])
  await session.dispose()
})

test('a load that the caller has left settles at once', async () => {
  const controller = new AbortController()
  const loading = backend.createSession(model('slow-to-load'), { signal: controller.signal })
  setImmediate(() => controller.abort())
  await expect(loading).rejects.toMatchObject({ code: 'ABORTED' })
})

test('probe: this machine can', async () => {
  expect(await onnxNode().probe()).toEqual({ available: true })
})
