import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { decodeImage, loadModel, type RawImage, tensor } from '@tensorferry/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bundlePath } from '../load-models.ts'
import { ask, fixtureModel, pixels, post, startServer } from './start-server.ts'

const photo = await readFile(join(bundlePath('super-resolution-x3'), 'photo.png'))
const models = [bundlePath('digits'), bundlePath('super-resolution-x3')]

async function predicted(name: 'digits' | 'super-resolution-x3'): Promise<unknown> {
  await using model = await loadModel(bundlePath(name), { backend: onnxNode({ threads: 1 }) })
  return await model.predict(photo)
}

const form = (...fields: readonly string[]): FormData => {
  const made = new FormData()
  for (const field of fields) made.append(field, new Blob([photo], { type: 'image/png' }), 'a.png')
  return made
}

describe('labels', () => {
  test('raw body, form, and several files in a form', async () => {
    const server = await startServer({ models })
    const labels = await predicted('digits')
    for (const type of ['image/png', 'application/octet-stream', 'application/x-www-form-urlencoded', '']) {
      const { status, json } = await post(server, '/predict/digits', photo, { 'content-type': type })
      expect([status, json], type).toEqual([200, labels])
    }
    expect((await post(server, '/predict/digits', form('whatever'))).json).toEqual(labels)
    expect((await post(server, '/predict/digits', form('a', 'b', 'a'))).json).toEqual([labels, labels, labels])
    expect((await post(server, '/predict/digits/versions/1.0.0', photo)).json).toEqual(labels)
  })

  test("TorchServe's address gives its form", async () => {
    const server = await startServer({ models })
    const labels = (await predicted('digits')) as readonly { label: string; score: number }[]
    const scores = Object.fromEntries(labels.map(({ label, score }) => [label, score]))
    expect((await post(server, '/predictions/digits', form('data'))).json).toEqual(scores)
    expect((await ask(server, '/predictions/digits/1.0.0', { method: 'PUT', body: photo })).json).toEqual(scores)
    expect((await ask(server, '/ping')).json).toEqual({ status: 'Healthy' })
  })
})

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../core/test/fixtures/bundles/${name}`, import.meta.url))
const json = { 'content-type': 'application/json' }

test('labels of a text: nested lists by name, and a result for each row', async () => {
  const server = await startServer({ models: [fixture('sentiment')] })
  await using model = await loadModel(fixture('sentiment'), { backend: onnxNode({ threads: 1 }) })
  const ids = [
    [1, 2, 3],
    [4, 5, 6],
  ]
  const mask = [
    [1, 1, 0],
    [1, 1, 1],
  ]
  const expected = await Promise.all(
    ids.map((row, index) =>
      model.predict({
        input_ids: tensor('int64', row.map(BigInt), [1, 3]),
        attention_mask: tensor('int64', mask[index]!.map(BigInt), [1, 3]),
      }),
    ),
  )
  const ask = (body: object) => post(server, '/predict/sentiment', JSON.stringify(body), json)
  expect((await ask({ input_ids: [ids[0]], attention_mask: [mask[0]] })).json).toEqual(expected[0])
  expect((await ask({ input_ids: ids, attention_mask: mask })).json).toEqual(expected)
  const flat = { shape: [1, 3], data: ids[1] }
  expect((await ask({ input_ids: flat, attention_mask: { shape: [1, 3], data: mask[1] } })).json).toEqual(expected[1])
  const missing = await ask({ input_ids: ids })
  expect([missing.status, missing.json.error]).toEqual([400, 'attention_mask is missing'])
  const unknown = await ask({ input_id: ids, attention_mask: mask })
  expect([unknown.status, unknown.json.error]).toEqual([400, expect.stringMatching(/did you mean 'input_ids'/)])
})

test('a picture and a tensor in one form, to a network that takes uint8 with the channels last', async () => {
  const server = await startServer({ models: [fixture('pixels')] })
  await using model = await loadModel(fixture('pixels'), { backend: onnxNode({ threads: 1 }) })
  const expected = await model.predict({ photo, weight: tensor('float32', [2], [1, 1]) })
  const both = new FormData()
  both.append('photo', new Blob([photo], { type: 'image/png' }), 'a.png')
  both.append('weight', new Blob(['[[2]]'], { type: 'application/json' }), 'weight.json')
  // Gathered into one batch of NHWC.
  const answers = await Promise.all([1, 2, 3].map(() => post(server, '/predict/pixels', both)))
  expect(answers.map((answer) => answer.json)).toEqual([expected, expected, expected])
  const alone = await post(server, '/predict/pixels', photo, { 'content-type': 'image/png' })
  expect([alone.status, alone.json.error]).toEqual([400, expect.stringMatching(/takes photo, weight: send a form/)])
})

describe('images', () => {
  const path = '/predict/super-resolution-x3'

  test('PNG by default, with the pixels of predict', async () => {
    const server = await startServer({ models })
    const expected = (await predicted('super-resolution-x3')) as RawImage
    for (const accept of ['*/*', 'image/*', 'text/html, image/png;q=0.5']) {
      const { headers, bytes } = await post(server, path, photo, { accept })
      expect(headers.get('content-type'), accept).toBe('image/png')
      expect(await decodeImage(bytes)).toEqual(expected)
    }
    const inJson = await post(server, path, photo, { accept: 'application/json' })
    expect(inJson.json).toMatchObject({ width: expected.width, height: expected.height, format: 'png' })
    expect(await decodeImage(Buffer.from(inJson.json.data, 'base64'))).toEqual(expected)
    const several = await post(server, path, form('a', 'b'))
    expect(several.json).toHaveLength(2)
    expect(several.json[1]).toEqual(inJson.json)
  })

  test('the form that Accept wants most', async () => {
    const server = await startServer({ models })
    const starts = { 'image/jpeg': 'ffd8ff', 'image/webp': '52494646' }
    for (const [type, start] of Object.entries(starts)) {
      const { headers, bytes } = await post(server, path, photo, { accept: `image/png;q=0.1, ${type};q=0.9` })
      expect(headers.get('content-type')).toBe(type)
      expect(bytes.toString('hex').startsWith(start)).toBe(true)
    }
    const refused = await post(server, path, photo, { accept: 'text/html' })
    expect([refused.status, refused.json.code]).toEqual([406, 'FORMAT_UNSUPPORTED'])
  })
})

describe('tensors', () => {
  /** Digits with other steps around it. */
  async function altered(change: (manifest: { preprocess: object[]; postprocess: object[]; task: unknown }) => void) {
    const folder = await mkdtemp(join(tmpdir(), 'tensorferry-predict-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await cp(bundlePath('digits'), folder, { recursive: true })
    const manifest = JSON.parse(await readFile(join(folder, 'bundle.json'), 'utf8'))
    change(manifest)
    await writeFile(join(folder, 'bundle.json'), JSON.stringify(manifest))
    return startServer({ models: [{ name: 'digits', source: folder }], verify: 'off' })
  }

  test('come as infer gives them from a bundle without steps behind the model', async () => {
    const server = await altered((manifest) => {
      manifest.postprocess = []
      manifest.task = null
    })
    const { json } = await post(server, '/predict/digits', photo)
    expect(json).toMatchObject({
      model_name: 'digits',
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 10] }],
    })
    expect(json.outputs[0].data).toHaveLength(10)
    expect((await post(server, '/predict/digits', form('a', 'b'))).json).toEqual([json, json])
    expect((await post(server, '/predictions/digits', photo)).json).toEqual(json)
  })

  test('go in as JSON where the first step reads one', async () => {
    const server = await altered((manifest) => {
      manifest.preprocess = [{ raw: 'pixels', steps: [{ op: 'normalize', mean: [0], std: [1] }], to: ['image'] }]
    })
    const data = pixels()
    const type = { 'content-type': 'application/json' }
    const { status, json } = await post(server, '/predict/digits', JSON.stringify({ shape: [1, 8, 8], data }), type)
    const { logits } = await server.repository.get('digits').infer({ image: tensor('float32', data, [1, 1, 8, 8]) })
    const scores = Array.from(logits!.data as Float32Array)
    expect(status).toBe(200)
    expect(json[0].index).toBe(scores.indexOf(Math.max(...scores)))
    const wrong = await post(server, '/predict/digits', '{"data":[1]}', type)
    expect([wrong.status, wrong.json.error]).toEqual([400, expect.stringContaining('pixels: expected {"shape"')])
    const large = `{"shape":[1,8,8],"data":[${' '.repeat(2 ** 20)}${data.join(',')}]}`
    expect((await post(server, '/predict/digits', large, type)).json).toEqual(json)
  })
})

test('refusals', async () => {
  const server = await startServer({ models: [...models, await fixtureModel('float32')] })
  const empty = new FormData()
  empty.append('image', 'no file')
  const cases: readonly (readonly [string, BodyInit, Record<string, string>, number, RegExp])[] = [
    ['/predict/digits', 'no picture', {}, 400, /JPEG|PNG|picture|image/i],
    ['/predict/digits', photo.subarray(0, 60), {}, 400, /./],
    ['/predict/digits', '', {}, 400, /no body/],
    ['/predict/digits', empty, {}, 400, /no file/],
    ['/predict/digits', '{}', { 'content-type': 'application/json' }, 400, /expected "image", got an empty object/],
    ['/predict/digits', 'x', { 'content-type': 'multipart/form-data' }, 400, /form cannot be read/],
    ['/predict/digits', '--b\r\nx', { 'content-type': 'multipart/form-data; boundary=b' }, 400, /form/],
    ['/predict/digits', form(...new Array<string>(65).fill('a')), {}, 400, /64 files/],
    ['/predict/nobody', photo, {}, 404, /nobody/],
    ['/predict/float32', photo, {}, 400, /no preprocess steps.*\/v2\/models\/float32\/infer/],
  ]
  for (const [path, body, headers, status, words] of cases) {
    const answer = await post(server, path, body, headers)
    expect([answer.status, answer.json?.error], path).toEqual([status, expect.stringMatching(words)])
  }
})
