import { remote } from '@tensorferry/backend-remote'
import { formatReport, loadModel, type Signature, tensor } from '@tensorferry/core'
import { expect, test } from 'vitest'
import { faultyServer } from './servers/faulty-server.ts'

const metadata = (input: object, output: object = {}) => ({
  name: 'double',
  platform: 'test',
  inputs: [{ name: 'input', datatype: 'FP32', shape: [-1], ...input }],
  outputs: [{ name: 'output', datatype: 'FP32', shape: [-1], ...output }],
})
const signature: Signature = {
  dims: { batch: { min: 1, max: 4 } },
  inputs: [{ name: 'input', dtype: 'float32', shape: ['batch'] }],
  outputs: [{ name: 'output', dtype: 'float32', shape: ['batch'] }],
  states: [],
}

async function open(described: object, given?: Signature) {
  const { url } = await faultyServer(described)
  return remote({ url, model: 'double' }).createSession(given ? { signature: given } : {})
}

test("without a bundle the signature is the server's", async () => {
  const { url } = await faultyServer(metadata({}))
  await using model = await loadModel({ backend: remote({ url, model: 'double' }) })
  expect(model.inputs).toEqual([{ name: 'input', dtype: 'float32', shape: [null] }])
  expect(model.outputs).toEqual([{ name: 'output', dtype: 'float32', shape: [null] }])
  expect(model.report.runtime).toMatchObject({ name: 'faulty', version: '1', device: url, protocol: 'rest-json' })
  expect(formatReport(model.report)).toContain(`faulty 1 on ${url}`)
  await expect(model.run({ input: tensor('int32', [1]) })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
})

test('names of sizes that the server gives are taken over', async () => {
  const session = await open(metadata({ shape: [-1, 2], parameters: { dims: ['rows', 2] } }))
  expect(session.inputs[0]!.shape).toEqual(['rows', 2])
})

test('a rank that the server does not know is none', async () => {
  const session = await open(metadata({ parameters: { rank: 'unknown' } }))
  expect(session.inputs[0]!.shape).toBeNull()
})

test('with a signature its ranges are checked before anything is sent', async () => {
  const server = await faultyServer(metadata({}))
  const session = await remote({ url: server.url, model: 'double' }).createSession({ signature })
  await expect(session.run({ input: tensor('float32', [1, 2, 3, 4, 5]) })).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  })
  expect(server.requests).toBe(0)
  expect((await session.run({ input: tensor('float32', [1, 2]) })).output!.data).toEqual(new Float32Array([2, 4]))
})

test.each<[string, object, RegExp]>([
  [
    'a name',
    metadata({ name: 'image' }),
    /input input float32\[batch\] of the bundle is not the server's, which has image/,
  ],
  ['a datatype', metadata({ datatype: 'FP64' }), /which has input FP64/],
  ['a rank', metadata({ shape: [-1, -1] }), /is it the same model/],
  ['an output', metadata({}, { name: 'logits' }), /output output float32/],
  [
    'another input',
    { ...metadata({}), inputs: [...metadata({}).inputs, { name: 'mask', datatype: 'BOOL', shape: [-1] }] },
    /asks for the input mask BOOL/,
  ],
])('%s that differs from the bundle is BACKEND_INCOMPATIBLE', async (_, described, text) => {
  await expect(open(described, signature)).rejects.toMatchObject({
    code: 'BACKEND_INCOMPATIBLE',
    message: expect.stringMatching(text),
  })
})

test('a fixed size that differs is told', async () => {
  const fixed: Signature = { ...signature, dims: {}, inputs: [{ ...signature.inputs[0]!, shape: [8] }] }
  await expect(open(metadata({ shape: [4] }), fixed)).rejects.toMatchObject({ code: 'BACKEND_INCOMPATIBLE' })
  await (await open(metadata({ shape: [-1] }), fixed)).dispose()
})

test('a server that describes nothing: a warning with a bundle, an error without', async () => {
  const session = await open({ name: 'double', inputs: [], outputs: [] }, signature)
  expect(session.runtime.warnings).toEqual([
    expect.stringMatching(/does not describe its inputs/),
    expect.stringMatching(/does not describe its outputs/),
  ])
  await expect(open({ name: 'double' })).rejects.toMatchObject({ code: 'BACKEND_INCOMPATIBLE' })
})

test('a datatype that the SDK lacks', async () => {
  await expect(open(metadata({ datatype: 'UINT32' }))).rejects.toMatchObject({
    code: 'BACKEND_INCOMPATIBLE',
    message: expect.stringMatching(/UINT32, which the SDK lacks/),
  })
})

test('an unknown model, and one that is not ready', async () => {
  const server = await faultyServer()
  const nobody = remote({ url: server.url, model: 'nobody' })
  await expect(nobody.createSession({})).rejects.toMatchObject({ code: 'NOT_FOUND' })
  server.ready = false
  const waiting = remote({ url: server.url, model: 'double', retries: 0 })
  await expect(waiting.createSession({})).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
})
