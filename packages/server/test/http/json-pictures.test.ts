// Pictures in JSON, and the addresses of others' protocols: KServe v1, TensorFlow Serving, SageMaker.
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { type Backend, decodeImage, tensor } from '@tensorferry/core'
import type { Server } from '@tensorferry/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bundlePath } from '../load-models.ts'
import { type Answer, ask, pixels, post, startServer } from './start-server.ts'

const photo = await readFile(join(bundlePath('super-resolution-x3'), 'photo.png'))
const digit = await readFile(join(bundlePath('digits'), 'held-out.png'))
const base64 = photo.toString('base64')
const models = [bundlePath('digits'), bundlePath('super-resolution-x3')]

const postJson = (server: Server, path: string, body: unknown, headers = {}): Promise<Answer> =>
  post(server, path, JSON.stringify(body), { 'content-type': 'application/json', ...headers })

/** A copy of digits with something else in its manifest. */
async function altered(change: (manifest: Record<string, unknown>) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-json-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(bundlePath('digits'), folder, { recursive: true })
  const manifest = JSON.parse(await readFile(join(folder, 'bundle.json'), 'utf8'))
  change(manifest)
  await writeFile(join(folder, 'bundle.json'), JSON.stringify(manifest))
  return folder
}

/** A backend of the test's own, for a bundle of two inputs: gives what the digits' network gives for the first. */
function passesOneOn(): Backend {
  const real = onnxNode({ threads: 1 })
  return {
    ...real,
    async createSession(request, options) {
      const { signature, ...bare } = request
      const session = await real.createSession(bare, options)
      const inputs = signature?.inputs ?? session.inputs
      return {
        inputs,
        outputs: session.outputs,
        runtime: session.runtime,
        dispose: () => session.dispose(),
        run: ({ image }, call) => session.run({ image: image! }, call),
      }
    },
  }
}

function bothFields(): FormData {
  const form = new FormData()
  for (const field of ['image', 'mask']) form.append(field, new Blob([photo]), 'a.png')
  return form
}

describe('a picture in base64', () => {
  test('in every spelling gives what the file gives', async () => {
    const server = await startServer({ models })
    const { json: labels } = await post(server, '/predict/digits', photo)
    const lines = base64.replace(/(.{76})/g, '$1\r\n')
    const urlSafe = base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
    const bodies = [
      { image: base64 },
      { image: lines },
      { image: urlSafe },
      { image: `data:image/png;base64,${base64}` },
      { image: { b64: base64 } },
      { b64: base64 },
      { picture: base64 },
    ]
    for (const body of bodies) {
      const { status, json } = await postJson(server, '/predict/digits', body)
      expect([status, json], JSON.stringify(body).slice(0, 50)).toEqual([200, labels])
    }
    // As `curl -d` sends it, without a word of JSON in the head.
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await post(server, '/predict/digits', ` {"image":"${base64}"}`, form)).json).toEqual(labels)
    expect((await postJson(server, '/predictions/digits', { image: base64 })).json).toEqual(
      Object.fromEntries(labels.map(({ label, score }: { label: string; score: number }) => [label, score])),
    )
  })

  test('large ones are read in the thread for JSON, bit by bit the same', async () => {
    const server = await startServer({ models })
    const direct = await post(server, '/predict/super-resolution-x3', photo)
    // Behind the picture's end, as cameras write it there: a body beyond what is read on the event loop.
    const large = Buffer.concat([photo, Buffer.alloc(400_000)]).toString('base64')
    const { status, headers, bytes } = await postJson(server, '/predict/super-resolution-x3', { image: large })
    expect([status, headers.get('content-type')]).toEqual([200, 'image/png'])
    expect(await decodeImage(bytes)).toEqual(await decodeImage(direct.bytes))
  })

  test.each([
    [
      { image: 'https://example.org/a.png' },
      'got an address, "https://example.org/a.png"; this server fetches nothing',
    ],
    [{ image: 'data:image/png,abc' }, 'expected a data: URL with base64'],
    [{ image: 'no base64 at all!' }, 'expected a picture in base64 or a data: URL with it, got "no base64 at all!"'],
    [{ image: '' }, 'got an empty text'],
    [{ image: 7 }, 'image: expected a picture in base64, "…" or {"b64": "…"}, got 7'],
    [{ one: base64, two: base64 }, 'expected "image", got one, two'],
    [{}, 'got an empty object'],
    [{ instances: [] }, 'expected "instances" to be a list of at least one, got []'],
    [{ image: Buffer.from('no picture').toString('base64') }, 'no picture'],
  ])('%j is refused', async (body, message) => {
    const server = await startServer({ models: [bundlePath('digits')] })
    const { status, json } = await postJson(server, '/predict/digits', body)
    expect([status, json.code]).toEqual([400, 'INPUT_INVALID'])
    expect(json.error.toLowerCase()).toContain(message.toLowerCase().replace('no picture', ''))
  })
})

describe('instances', () => {
  test('of pictures: one prediction each, in their order, at every address', async () => {
    const server = await startServer({ models })
    const [one, other] = [
      (await post(server, '/predict/digits', photo)).json,
      (await post(server, '/predict/digits', digit)).json,
    ]
    expect(one).not.toEqual(other)
    const instances = [{ b64: base64 }, { image: { b64: digit.toString('base64') } }, base64]
    for (const path of [
      '/v1/models/digits:predict',
      '/v1/models/digits/versions/1.0.0:predict',
      '/v1/models/digits%3Apredict',
      '/predict/digits',
    ]) {
      expect((await postJson(server, path, { instances })).json, path).toEqual({ predictions: [one, other, one] })
    }
    const images = await postJson(server, '/v1/models/super-resolution-x3:predict', { instances: [{ b64: base64 }] })
    const [image] = images.json.predictions
    expect(image).toMatchObject({ width: 120, format: 'png' })
    expect((await decodeImage(Buffer.from(image.data, 'base64'))).width).toBe(120)
    // Without a list: KServe's reply all the same.
    expect((await postJson(server, '/v1/models/digits:predict', { image: base64 })).json).toEqual({
      predictions: [one],
    })
  })

  test('of tensors: rows of one run, as nested arrays', async () => {
    const server = await startServer({ models: [`bare=${join(bundlePath('digits'), 'model.onnx')}`] })
    const rows = Array.from({ length: 5 }, (_, row) => [
      Array.from({ length: 8 }, (_, y) => Array.from({ length: 8 }, (_, x) => Math.sin(row + x * y))),
    ])
    const { status, json } = await postJson(server, '/v1/models/bare:predict', { instances: rows })
    expect(status).toBe(200)
    const model = server.repository.get('bare')
    const { logits } = await model.infer({ image: tensor('float32', rows.flat(3), [5, 1, 8, 8]) })
    expect(json.predictions).toHaveLength(5)
    const expected = [...(logits!.data as Float32Array)]
    for (const [index, value] of (json.predictions as number[][]).flat().entries()) {
      expect(Math.abs(value - expected[index]!)).toBeLessThan(1e-5)
    }
    const named = await postJson(server, '/v1/models/bare:predict', { instances: rows.map((image) => ({ image })) })
    expect(named.json).toEqual(json)
  })

  test('of tensors of a bundle that marks its batch are one run', async () => {
    const folder = await altered((manifest) => Object.assign(manifest, { preprocess: [], postprocess: [], task: null }))
    const server = await startServer({ models: [`digits=${folder}`], verify: 'off' })
    const rows = Array.from({ length: 4 }, () => [Array.from({ length: 8 }, () => new Array<number>(8).fill(0.25))])
    const { json } = await postJson(server, '/predict/digits', { instances: rows })
    expect(json.predictions.map((one: number[]) => one.length)).toEqual([10, 10, 10, 10])
    expect(server.repository.get('digits').statistics()).toMatchObject({ executionCount: 1, inferenceCount: 4 })
  })
})

describe('which one is broken', () => {
  test('of several files: each by its number and name; none is answered', async () => {
    const server = await startServer({ models: [bundlePath('digits')] })
    const form = new FormData()
    form.append('a', new Blob([photo]), 'good.png')
    form.append('b', new Blob(['text']), 'notes.txt')
    form.append('c', new Blob([photo]), 'good.png')
    form.append('d', new Blob([photo.subarray(0, 200)]), 'half.png')
    const { status, json } = await post(server, '/predict/digits', form)
    expect([status, json.code]).toEqual([400, 'INPUT_INVALID'])
    expect(json.error).toMatch(
      /^2 of 4 files cannot be used, so none was answered: file 2 \("notes\.txt"\): .*; file 4 \("half\.png"\): /,
    )
    expect(json.broken.map(({ part }: { part: string }) => part)).toEqual([
      'file 2 ("notes.txt")',
      'file 4 ("half.png")',
    ])
  })

  test('of several instances: those that cannot be read and those that cannot be decoded', async () => {
    const server = await startServer({ models: [bundlePath('digits')] })
    const text = Buffer.from('text').toString('base64')
    const instances = [{ b64: base64 }, { b64: 'no base64!' }, { b64: text }, 5]
    const { status, json } = await postJson(server, '/v1/models/digits:predict', { instances })
    expect([status, json.code]).toEqual([400, 'INPUT_INVALID'])
    expect(json.error).toMatch(/^3 of 4 instances cannot be used, so none was answered: instances\[1\]: /)
    expect(json.broken.map(({ part }: { part: string }) => part)).toEqual([
      'instances[1]',
      'instances[2]',
      'instances[3]',
    ])
  })

  test('of tensors, before anything runs', async () => {
    const server = await startServer({ models: [`bare=${join(bundlePath('digits'), 'model.onnx')}`] })
    const good = { shape: [1, 1, 8, 8], data: pixels() }
    const instances = [good, { shape: [1, 1, 8, 7], data: pixels().slice(8) }, [[['x']]]]
    const { status, json } = await postJson(server, '/v1/models/bare:predict', { instances })
    expect([status, json.broken.map(({ part }: { part: string }) => part)]).toEqual([
      400,
      ['instances[1]', 'instances[2]'],
    ])
    expect(server.repository.get('bare').statistics().executionCount).toBe(0)
  })

  test('of a bundle with several raw inputs: by their names', async () => {
    const folder = await altered((manifest) => {
      const [before] = manifest.preprocess as [Record<string, unknown>]
      manifest.preprocess = [before, { ...before, raw: 'mask', to: ['mask'] }]
      manifest.inputs = [...(manifest.inputs as object[]), { ...(manifest.inputs as [object])[0], name: 'mask' }]
      manifest.dims = { batch: { min: 1, max: 8 } }
    })
    const server = await startServer({ models: [`digits=${folder}`], verify: 'off', backend: passesOneOn() })
    const text = Buffer.from('text').toString('base64')
    const good = await postJson(server, '/predict/digits', { image: base64, mask: `data:image/png;base64,${base64}` })
    expect([good.status, good.json]).toEqual([200, (await post(server, '/predict/digits', bothFields())).json])
    const one = await postJson(server, '/predict/digits', { image: text, mask: base64 })
    expect([one.status, one.json.error]).toEqual([400, expect.stringMatching(/^image: (?!.*mask)/)])
    const both = await postJson(server, '/predict/digits', { image: text, mask: text })
    expect(both.json.error).toMatch(/^image: .*; mask: /)
    const missing = await postJson(server, '/predict/digits', { image: text })
    expect(missing.json.error).toBe('mask is missing')
    const instances = [
      { image: base64, mask: base64 },
      { image: base64, mask: text },
    ]
    const several = await postJson(server, '/v1/models/digits:predict', { instances })
    expect(several.json.error).toMatch(/^1 of 2 instances cannot be used, so none was answered: instances\[1\]: mask: /)
  })
})

describe('KServe v1', () => {
  test('which models there are, and whether one is ready', async () => {
    const server = await startServer({ models, apiKeys: ['secret'] })
    const headers = { 'x-api-key': 'secret' }
    expect((await ask(server, '/v1/models', { headers })).json).toEqual({ models: ['digits', 'super-resolution-x3'] })
    expect((await ask(server, '/v1/models')).status).toBe(401)
    // A probe has no key.
    expect((await ask(server, '/v1/models/digits')).json).toEqual({ name: 'digits', ready: true })
    const unknown = await ask(server, '/v1/models/digit')
    expect([unknown.status, unknown.json]).toEqual([404, { name: 'digit', ready: false }])
    await server.repository.unload('digits')
    expect((await ask(server, '/v1/models/digits')).status).toBe(503)
    expect((await ask(server, '/v1/models', { headers })).json).toEqual({ models: ['super-resolution-x3'] })
    expect((await post(server, '/v1/models/digits:predict')).status).toBe(401)
  })

  test('other verbs and models are refused in words', async () => {
    const server = await startServer({ models: [bundlePath('digits')] })
    const explain = await postJson(server, '/v1/models/digits:explain', {})
    expect([explain.status, explain.json.error]).toEqual([404, expect.stringContaining('nothing is at :explain')])
    const bare = await postJson(server, '/v1/models/digits', {})
    expect([bare.status, bare.headers.get('allow'), bare.json.error]).toEqual([
      405,
      'GET, HEAD',
      expect.stringContaining('POST goes to /v1/models/digits:predict'),
    ])
    const unknown = await postJson(server, '/v1/models/digit:predict', { instances: [1] })
    expect([unknown.status, unknown.json.error]).toEqual([404, expect.stringContaining("did you mean 'digits'?")])
  })
})

describe('SageMaker', () => {
  test('/invocations: a picture, JSON, instances, tensors', async () => {
    const server = await startServer({ models: [bundlePath('digits')] })
    const { json: labels } = await post(server, '/predict/digits', photo)
    expect((await ask(server, '/ping')).status).toBe(200)
    expect((await post(server, '/invocations', photo, { 'content-type': 'image/png' })).json).toEqual(labels)
    expect((await postJson(server, '/invocations', { image: base64 })).json).toEqual(labels)
    expect((await postJson(server, '/invocations', { instances: [base64] })).json).toEqual({ predictions: [labels] })
    const inputs = [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], data: pixels() }]
    const tensors = await postJson(server, '/invocations', { inputs })
    expect(tensors.json).toEqual((await postJson(server, '/v2/models/digits/infer', { inputs })).json)
  })

  test('of several models the request says which', async () => {
    const server = await startServer({ models })
    const { json: labels } = await post(server, '/predict/digits', photo)
    const open = await postJson(server, '/invocations', { image: base64 })
    expect([open.status, open.json.error]).toEqual([400, expect.stringContaining('digits, super-resolution-x3')])
    expect((await postJson(server, '/invocations?model=digits', { image: base64 })).json).toEqual(labels)
    const header = { 'x-amzn-sagemaker-target-model': 'digits' }
    expect((await postJson(server, '/invocations', { image: base64 }, header)).json).toEqual(labels)
  })
})

test('curl, as its users type it', async () => {
  const server = await startServer({ models: [bundlePath('digits')] })
  const { json: labels } = await post(server, '/predict/digits', photo)
  const run = promisify(execFile)
  const body = JSON.stringify({ instances: [{ b64: base64 }] })
  const { stdout } = await run('curl', ['-s', '-d', body, `${server.url}/v1/models/digits:predict`])
  expect(JSON.parse(stdout)).toEqual({ predictions: [labels] })
})
