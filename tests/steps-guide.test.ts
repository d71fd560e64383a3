// docs/guides/steps.md: its tables are those of the published schema and of the steps, its bundle loads and gives their numbers.
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { POSTPROCESS_STEPS, PREPROCESS_STEPS } from '../packages/core/src/pipeline/steps/index.ts'
import { codeBlocks } from './code-blocks.ts'
import { addReaderFiles } from './packed-projects.ts'
import { ROOT } from './workspace.ts'

const GUIDE = 'docs/guides/steps.md'
const guide = readFileSync(join(ROOT, GUIDE), 'utf8')
const schema = JSON.parse(readFileSync(join(ROOT, 'packages/core/schema/bundle.schema.json'), 'utf8'))

interface Option {
  readonly enum?: readonly string[]
  readonly items?: Option
  readonly default?: unknown
}

interface Step {
  readonly properties: { readonly op: { readonly const: string } } & Readonly<Record<string, Option>>
  readonly required: readonly string[]
}

/** Cells of the rows under a heading that begin with code: its text, then the other cells. */
function rowsOf(heading: string, header: string): readonly (readonly string[])[] {
  const section = guide.slice(guide.indexOf(`## ${heading}\n`)).split('\n## ')[0]!
  const table = section.slice(section.indexOf(`| ${header} |`)).split('\n\n')[0]!
  return Array.from(table.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm), ([, name, rest]) => [name!, ...rest!.split(' | ')])
}

const codes = (text: string): readonly string[] => Array.from(text.matchAll(/`([^`]+)`/g), ([, code]) => code!)

describe.each([
  ['Preprocess', 'preprocess', PREPROCESS_STEPS],
  ['Postprocess', 'postprocess', POSTPROCESS_STEPS],
] as const)('%s', (heading, half, table) => {
  const steps: readonly Step[] = schema.properties[half].items.properties.steps.items.oneOf

  test('every step is there, with what it takes and gives', () => {
    const rows = rowsOf(heading, 'step')
    expect(rows.map(([name]) => name)).toEqual(steps.map(({ properties }) => properties.op.const))
    expect(rows.map(([name, takes, gives]) => [name, takes, gives])).toEqual(
      Object.values(table).map(({ op, takes, gives }) => [op, takes, gives]),
    )
    for (const [name, , , same] of rows) expect(codes(same!), name).not.toEqual([])
  })

  test('every option is there, with its values and default', () => {
    const options = steps.flatMap(({ properties: { op, ...others }, required }) =>
      Object.entries(others as Record<string, Option>).map(([name, option]) => {
        const fallback = option.default === undefined ? 'required' : `\`${String(option.default)}\``
        expect(required.includes(name), `${op.const}.${name}`).toBe(option.default === undefined)
        return { name: `${op.const}.${name}`, values: option.enum ?? option.items?.enum ?? [], default: fallback }
      }),
    )
    const written = rowsOf(heading, 'option').map(([name, values, fallback]) => ({
      name,
      values: codes(values!),
      default: fallback,
    }))
    expect(written).toEqual(options)
  })
})

describe('the bundle by hand', () => {
  let folder: string
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-steps-')))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const blocks = codeBlocks(GUIDE).filter(({ language }) => language === 'json')
  const whole = blocks.filter(({ code }) => code.includes('"schema"')).map(({ code }) => JSON.parse(code))

  test('the published schema takes it, and the short entries above it', () => {
    const ajv = new Ajv({ strict: false })
    const validate = ajv.compile(schema)
    expect(whole).toHaveLength(1)
    expect([validate(whole[0]), validate.errors]).toEqual([true, null])
    const [entries] = blocks.map(({ code }) => JSON.parse(code))
    expect([validate({ ...whole[0], ...entries }), validate.errors]).toEqual([true, null])
    expect(validate({ ...whole[0], preprocess: [{ ...entries.preprocess[0], steps: [{ op: 'resice' }] }] })).toBe(false)
  })

  test('it loads, and predict is what the single functions give', async () => {
    await addReaderFiles(folder)
    const built = (name: string) => import(pathToFileURL(join(ROOT, 'packages', name, 'dist/index.js')).href)
    const { loadModel, decodeImage, resize, centerCrop, toTensor, normalize, softmax, topK } = await built('core')
    const { onnxNode } = await built('backend-onnx-node')
    const photo = await readFile(join(folder, 'photo.png'))
    const model = await loadModel(join(folder, 'colours'), { backend: onnxNode() })
    const classes = await model.predict(photo)
    const {
      inputs: { image },
    } = await model.preprocess(photo)
    const { scores } = await model.run({ image })
    await model.dispose()

    const [before] = whole[0].preprocess
    const [, resizing, cropping, , normalizing] = before.steps
    const cropped = centerCrop(resize(await decodeImage(photo), resizing), cropping)
    const expected = normalize(toTensor(cropped), normalizing)
    expect(image.shape).toEqual([1, 3, 224, 224])
    expect(image.data).toEqual(expected.data)
    const plane = 224 * 224
    const means = [0, 1, 2].map((channel) => {
      let sum = 0
      for (const value of expected.data.subarray(channel * plane, (channel + 1) * plane)) sum += value
      return sum / plane
    })
    for (const [index, mean] of means.entries()) expect(scores.data[index]).toBeCloseTo(mean, 4)
    expect(classes).toEqual(topK(softmax(scores), { k: 3 }, whole[0].labels))
    expect(classes.map(({ label }: { label: string }) => label)).toEqual(['red', 'green', 'blue'])
  })
})
