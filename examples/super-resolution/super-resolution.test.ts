import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { bundle, decodeImage, loadModel } from '@tensorferry/core'
import sharp from 'sharp'
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
    expect(stdout).toMatch(
      /backend {3}onnx-node \(@tensorferry\/backend-onnx-node\), asked for by .*tensorferry\.config\.json/,
    )
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
  test.each([
    [5000, 40, '5000 x 40 .*; shrunk to 4096 x 32 first\\n.*4096 x 32 -> 12288 x 96', 960],
    [40, 5000, '40 x 5000 .*; shrunk to 32 x 4096 first\\n.*32 x 4096 -> 96 x 12288', 900],
  ])(
    'a picture of %i x %i is shrunk to what the network takes, and compared in part',
    async (width, height, said, size) => {
      const wide = join(folder, `${width}.png`)
      const photo = fileURLToPath(PHOTO)
      await writeFile(wide, await sharp(photo).resize(width, height, { fit: 'fill' }).png().toBuffer())
      const { code, stdout, stderr } = await runExample('super-resolution', [wide, '--out', folder])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(new RegExp(`size      ${said}`, 's'))
      const comparison = await sharp(join(folder, `${width}-comparison.png`)).metadata()
      expect(comparison.width).toBeGreaterThan(size)
      expect(comparison.width).toBeLessThan(2000)
      expect(comparison.height).toBeLessThan(2000)
    },
  )
  test('takes names with a dash in front and with spaces', async () => {
    const photo = await readFile(new URL('../digits/samples/3.png', import.meta.url))
    for (const name of ['-3.png', 'a b.png']) {
      await writeFile(join(folder, name), photo)
      const { code, stdout, stderr } = await runExample('super-resolution', [name, '--out=results'], { folder })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(`wrote     ${join('results', name.replace('.png', '-x3.png'))}`)
    }
  })
  test('a photo of a phone that lies on its side is turned; a truncated one is named so', async () => {
    const lying = await sharp(fileURLToPath(PHOTO)).withMetadata({ orientation: 6 }).jpeg().toBuffer()
    await writeFile(join(folder, 'lying.jpg'), lying)
    const turned = await runExample('super-resolution', [join(folder, 'lying.jpg'), '--out', folder])
    expect(turned.stdout).toContain('size      100 x 150 -> 300 x 450')
    await writeFile(join(folder, 'lying-cut.jpg'), lying.subarray(0, 3000))
    const { code, stderr } = await runExample('super-resolution', [join(folder, 'lying-cut.jpg')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^\S+lying-cut\.jpg: the JPEG file is truncated: it ends after 3000 bytes.*\n$/)
  })
  test.each<[string[], string]>([
    [['--oups'], '--oups: there is no such option and no such file; see --help\n'],
    [['a', 'b.jpg'], 'expected one photo, got 2: a, b.jpg; quote a name with spaces, see --help\n'],
  ])('%j gives one clear line and exit 1', async (args, message) => {
    expect(await runExample('super-resolution', args)).toEqual({ code: 1, stdout: '', stderr: message })
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
