import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { bundle, decodeImage, loadModel } from '@tensorferry/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runExample } from '../run-example.ts'

const BUNDLE = fileURLToPath(new URL('../bundles/super-resolution-x3', import.meta.url))
const PHOTO = new URL('./photo.png', import.meta.url)
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensorferry-example-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the bundle', () => {
  test('gives PyTorch’s and Pillow’s numbers in every golden, stage by stage', async () => {
    await using model = await loadModel(BUNDLE, { backend: onnxNode(), verify: 'full' })
    const cases = model.report.verify.cases
    expect(cases.map(({ skipped }) => skipped)).toEqual(cases.map(() => null))
    expect(cases.find(({ name }) => name === 'photo')!.stages).toMatchObject({ decoded: 0, inputs: 0, result: 0 })
  })
  test('predict is its halves in one call', async () => {
    await using model = await loadModel(bundle<{ task: 'image-to-image' }>(BUNDLE), { backend: onnxNode() })
    const file = await readFile(PHOTO)
    const { inputs, context } = await model.preprocess(file)
    const halves = await model.postprocess(await model.run(inputs), context)
    const whole = await model.predict(file)
    expect(whole).toEqual(halves)
    expect([whole.mode, whole.width, whole.height]).toEqual(['RGB', 450, 300])
  })
})

describe('the example', () => {
  test('enlarges its own photo, beats bicubic by 0.3 dB, and says what runs', async () => {
    const { code, stdout, stderr } = await runExample('super-resolution', ['--out', folder])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toMatch(/backend {3}onnx-node, asked for by .*tensorferry\.config\.json/)
    expect(stdout).toMatch(/runtime {3}onnxruntime-node .*provider cpu/)
    expect(stdout).toContain('size      450 x 300 -> 1350 x 900')
    const gain = Number(/\(\+([\d.]+) dB\)/.exec(stdout)?.[1])
    expect(gain).toBeGreaterThanOrEqual(0.3)
    const enlarged = await decodeImage(await readFile(join(folder, 'photo-x3.png')))
    expect([enlarged.width, enlarged.height]).toEqual([1350, 900])
    const comparison = await decodeImage(await readFile(join(folder, 'photo-comparison.png')))
    expect(comparison.width).toBeGreaterThan(4 * 450)
  })
  test('takes one’s own photo, also a tiny one', async () => {
    const tiny = fileURLToPath(new URL('../digits/samples/3.png', import.meta.url))
    const { code, stdout } = await runExample('super-resolution', [tiny, '--out', folder])
    expect(code).toBe(0)
    expect(stdout).toContain('size      32 x 32 -> 96 x 96')
  })
  test.each<[string, string | null, RegExp]>([
    ['nowhere.jpg', null, /nowhere\.jpg: there is no such file\n$/],
    ['text.jpg', 'hello', /text\.jpg: expected a JPEG, PNG or WebP file, got 5 bytes/],
    ['empty.jpg', '', /empty\.jpg: the file is empty/],
  ])('%s gives one clear line and exit 1', async (name, content, message) => {
    if (content !== null) await writeFile(join(folder, name), content)
    const { code, stdout, stderr } = await runExample('super-resolution', [join(folder, name)])
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
  test('a truncated JPEG gives one clear line and exit 1', async () => {
    const whole = await readFile(new URL('../../packages/core/test/goldens/pipeline/photo.jpg', import.meta.url))
    await writeFile(join(folder, 'cut.jpg'), whole.subarray(0, 3000))
    const { code, stderr } = await runExample('super-resolution', [join(folder, 'cut.jpg')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/cut\.jpg: the JPEG file is truncated/)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
  test('--help', async () => {
    const { code, stdout } = await runExample('super-resolution', ['--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('Usage: npm run demo -- [photo]')
  })
})
