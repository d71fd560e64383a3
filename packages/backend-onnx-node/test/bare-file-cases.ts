// Bare ONNX files as people have them: what both backends of ONNX Runtime have to take alike.
import { createReadStream, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { type Backend, loadModel, tensor } from '@tensorferry/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fixturePath } from './model-file.ts'

/** Spelled in as many bytes as the fixture's own `external.weights`, which stands in the file; and where the data lie. */
const SPELLINGS: readonly (readonly [name: string, place: string])[] = [
  ['./weights/ab.bin', 'weights/ab.bin'],
  ['weights\\abc.data', 'weights/abc.data'],
  ['gewicht-ü_1.bin', 'gewicht-ü_1.bin'],
  ['a%20b#1-long.bin', 'a%20b#1-long.bin'],
  ['weights of a.bin', 'weights of a.bin'],
  ['weights//abc.bin', 'weights/abc.bin'],
]

const weights = readFileSync(fixturePath('external.weights'))

/** The fixture with another name for its data. */
function modelWith(name: string): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(readFileSync(fixturePath('external.onnx')))
  const at = Buffer.from(bytes.buffer).indexOf('external.weights')
  const spelled = new TextEncoder().encode(name)
  expect(spelled).toHaveLength('external.weights'.length)
  bytes.set(spelled, at)
  return bytes
}

/** Tests of a backend of ONNX Runtime. */
export function testBareFiles(backend: Backend): void {
  describe('one dim name on axes of unlike sizes', () => {
    const ones = (shape: readonly number[]) =>
      tensor('float32', new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1), shape)

    test.each([
      [
        'concat',
        { x: ones([1, 2]), past: ones([1, 5]) },
        [1, 7],
        [
          ['batch', 'sequence'],
          ['batch_2', 'sequence_2'],
        ],
      ],
      [
        'broadcast',
        { x: ones([3, 4]), bias: ones([1, 4]) },
        [3, 4],
        [
          ['batch', 4],
          ['batch_2', 4],
        ],
      ],
      ['square', { x: ones([1, 3, 4, 6]) }, [1, 3, 4, 6], [[1, 3, 'size', 'size_2']]],
    ])('%s runs, and the signature has two dims', async (name, inputs, shape, dims) => {
      await using model = await loadModel(fixturePath(`shared-dim-${name}.onnx`), { backend })
      expect(model.inputs.map((spec) => spec.shape)).toEqual(dims)
      const { y } = await model.run(inputs)
      expect(y!.shape).toEqual(shape)
    })
  })

  describe('external data', () => {
    const x = tensor('float32', new Float32Array(8).fill(1))
    const expected = tensor('float32', [1, 2, 3, 4, 5, 6, 7, 8])
    let folder: string
    const server = createServer((request, response) => {
      createReadStream(join(folder, decodeURIComponent(new URL(request.url!, 'http://localhost').pathname)))
        .once('error', () => response.writeHead(404).end())
        .pipe(response)
    })
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'tensorferry-external-'))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    })
    afterAll(async () => {
      server.close()
      await rm(folder, { recursive: true })
    })

    async function put(path: string, content: Uint8Array): Promise<string> {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
      return join(folder, path)
    }

    test.each(SPELLINGS)('%j by path, URL and Map', async (name, place) => {
      const model = modelWith(name)
      const path = await put(`${SPELLINGS.findIndex(([one]) => one === name)}/model.onnx`, model)
      const above = path.slice(folder.length + 1, -'model.onnx'.length)
      await put(above + place, weights)
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${above}model.onnx`
      const sources = {
        path,
        url,
        map: new Map([
          ['model.onnx', model],
          [place, weights],
        ]),
        'map with the names of the file': new Map([
          ['./model.onnx', model],
          [name, weights],
        ]),
      }
      for (const [how, source] of Object.entries(sources)) {
        await using loaded = await loadModel(source, { backend, cacheDir: join(folder, 'cache') })
        expect(await loaded.run({ x }), how).toEqual({ y: expected })
      }
    })

    test('a renamed model finds its data; renamed data are said to be so', async () => {
      const path = await put('renamed/my-model.onnx', modelWith('external.weights'))
      await put('renamed/external.weights', weights)
      await using model = await loadModel(path, { backend })
      expect(await model.run({ x })).toEqual({ y: expected })
      const both = await put('both/my-model.onnx', modelWith('external.weights'))
      await put('both/my-model.onnx.data', weights)
      await expect(loadModel(both, { backend })).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringMatching(
          /"external\.weights".*my-model\.onnx\.data lies there.*call it external\.weights again/,
        ),
      })
    })

    test('data outside of the folder are refused', async () => {
      const path = await put('outside/model.onnx', modelWith('../../weight.bin'))
      await expect(loadModel(path, { backend })).rejects.toMatchObject({ code: 'BUNDLE_INVALID' })
    })
  })

  describe('what another realm made', () => {
    const realm = runInNewContext('({ Float32Array, Uint8Array, ArrayBuffer, Map })') as typeof globalThis

    test('arrays run as inputs, bare and by tensor(), and results feed back', async () => {
      await using model = await loadModel(fixturePath('identity-float32.onnx'), { backend })
      const data = new realm.Float32Array([1, -2])
      expect(data).not.toBeInstanceOf(Float32Array)
      const bare = { dtype: 'float32' as const, shape: [1, 2], data }
      const expected = { y: tensor('float32', [1, -2], [1, 2]) }
      expect(await model.run({ x: bare })).toEqual(expected)
      const { y } = await model.run({ x: tensor('float32', data, [1, 2]) })
      expect(y!.data).toBeInstanceOf(Float32Array)
      expect(await model.run({ x: y! })).toEqual(expected)
    })

    test('the model’s bytes, as a Uint8Array, an ArrayBuffer and in a Map', async () => {
      const bytes = new realm.Uint8Array(readFileSync(fixturePath('identity-float32.onnx')))
      for (const source of [bytes, bytes.buffer, new realm.Map([['model.onnx', bytes]])]) {
        await using model = await loadModel(source, { backend })
        expect(model.inputs[0]!.name).toBe('x')
      }
    })
  })

  describe('the cause comes first', () => {
    test('maps of a scikit-learn classifier: how to convert it', async () => {
      await expect(loadModel(fixturePath('zip-map.onnx'), { backend })).rejects.toMatchObject({
        code: 'BACKEND_INCOMPATIBLE',
        message: expect.stringMatching(
          /output "output_probability" is a sequence, map.*options=\{id\(model\): \{"zipmap": False\}\}/,
        ),
      })
      await expect(loadModel(fixturePath('zip-map.onnx'), { backend })).rejects.not.toThrow(/cast/)
    })

    test('a model that contradicts itself: what ONNX Runtime found', async () => {
      await expect(loadModel(fixturePath('contradiction.onnx'), { backend })).rejects.toMatchObject({
        code: 'FORMAT_UNSUPPORTED',
        message: expect.stringMatching(
          /contradicts itself: .*Incompatible dimensions for matrix multiplication; export/,
        ),
      })
    })
  })
}
