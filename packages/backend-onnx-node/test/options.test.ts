import { availableParallelism } from 'node:os'
import makeBackend, { type OnnxNodeOptions, onnxNode } from '@tensorferry/backend-onnx-node'
import { TensorferryError } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { model } from './model-file.ts'

function refusal(options: unknown): TensorferryError {
  try {
    onnxNode(options as OnnxNodeOptions)
  } catch (error) {
    if (TensorferryError.is(error)) return error
    throw error
  }
  throw new Error(`accepted ${JSON.stringify(options)}`)
}

describe('options that are refused', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'a misspelt name',
      { thread: 2 },
      /unknown option 'thread', did you mean 'threads'\? Known options: execution, replicas, threads/,
    ],
    [
      'ONNX Runtime’s own name',
      { intraOpNumThreads: 2 },
      /unknown option 'intraOpNumThreads', did you mean 'threads'\?/,
    ],
    ['a name from nowhere', { colour: 'red' }, /unknown option 'colour'\. Known options: execution, replicas, threads/],
    ['a misspelt nested name', { sessionOptions: { enableCpuMemArenas: true } }, /did you mean 'enableCpuMemArena'\?/],
    ['a number in place of options', 5, /onnxNode: options: expected an object, got number/],
    ['a fraction of a thread', { threads: 1.5 }, /threads: expected a whole number, at least 1, got 1.5/],
    ['no threads', { threads: 0 }, /threads: .*got 0/],
    ['no replicas', { replicas: 0 }, /replicas: .*got 0/],
    ['a misspelt execution', { execution: 'workers' }, /execution: expected one of "worker", "inline"/],
    ['a misspelt provider', { provider: 'cudda' }, /did you mean cuda\?/],
    ['no provider', { provider: [] }, /at least one provider/],
    [
      "another provider's setting",
      { provider: { name: 'cpu', deviceId: 1 } },
      /provider cpu: unknown option 'deviceId'/,
    ],
    ['a text as a number', { provider: { name: 'cuda', deviceId: '1' } }, /deviceId: expected a whole number/],
    ['a wrong graph optimization', { graphOptimization: 'full' }, /graphOptimization: expected one of/],
    ['replicas of an inline model', { execution: 'inline', replicas: 2 }, /an inline model has no copies/],
    ['options that are not an object', 'cpu', /expected an object, got string/],
  ])('%s', (_, options, message) => {
    const error = refusal(options)
    expect(error.code).toBe('OPTIONS_INVALID')
    expect(error.message).toMatch(message)
  })

  test('the nearest name is in the details', () => {
    expect(refusal({ replica: 2 }).details).toMatchObject({ option: 'replica', nearest: 'replicas' })
  })
})

describe('what a session says of itself', () => {
  test('defaults: one replica on all cores, off the event loop', async () => {
    const session = await onnxNode().createSession(model('mlp-10-10'))
    expect(session.runtime).toEqual({
      name: 'onnxruntime-node',
      version: '1.30.0',
      device: 'cpu',
      provider: 'cpu',
      threads: availableParallelism(),
      execution: 'worker',
      replicas: 1,
      refused: [],
    })
    await session.dispose()
  })

  test('more replicas share the cores', async () => {
    const session = await onnxNode({ replicas: 2 }).createSession(model('mlp-10-10'))
    expect(session.runtime).toMatchObject({
      replicas: 2,
      threads: Math.max(1, Math.floor(availableParallelism() / 2)),
    })
    await session.dispose()
  })

  test('providers are tried in order, and the reasons of those passed over are kept', async () => {
    const backend = onnxNode({ provider: ['qnn', { name: 'coreml' }, 'cpu'], threads: 1 })
    const session = await backend.createSession(model('mlp-10-10'))
    expect(session.runtime.provider).toBe('cpu')
    expect(session.runtime.refused.map(({ provider }) => provider)).toEqual(['qnn', 'coreml'])
    for (const { reason } of session.runtime.refused) expect(reason).toMatch(/none of that name.*cpu/)
    await session.dispose()
  })

  test.each(['worker', 'inline'] as const)(
    'no provider works (%s): every reason is in the error',
    async (execution) => {
      const backend = onnxNode({ provider: ['qnn', 'coreml'], execution })
      await expect(backend.createSession(model('mlp-10-10'))).rejects.toMatchObject({
        code: 'BACKEND_UNAVAILABLE',
        details: { refused: [{ provider: 'qnn' }, { provider: 'coreml' }] },
      })
    },
  )
})

test('the default export is the factory', () => {
  expect(makeBackend).toBe(onnxNode)
  expect(onnxNode()).toMatchObject({ apiVersion: 1, name: 'onnx-node', formats: ['onnx'] })
})

test('sessionOptions and graphOptimization reach the runtime', async () => {
  const backend = onnxNode({
    graphOptimization: 'disabled',
    sessionOptions: { enableCpuMemArena: false, enableMemPattern: false, executionMode: 'sequential' },
  })
  const session = await backend.createSession(model('identity-float32'))
  const x = { dtype: 'float32' as const, shape: [1, 2], data: new Float32Array([1, 2]) }
  expect((await session.run({ x })).y!.data).toEqual(x.data)
  await session.dispose()
})
