import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { answerOf, changeManifest, copyBundle, ROOT, temporaryFolder, tensorferry } from './program.ts'

const BUNDLES = join(ROOT, 'examples/bundles')
const DIGITS = join(BUNDLES, 'digits')
const MODELS = join(ROOT, 'packages/backend-onnx-node/test/fixtures')
const HERE = dirname(fileURLToPath(import.meta.url))

test.each(['digits', 'super-resolution-x3'])(
  'test/types/%s.d.ts, which the type tests use, is what types writes',
  async (name) => {
    const { code, answer } = await answerOf([
      'types',
      join(BUNDLES, name),
      '--check',
      '--out',
      join(HERE, 'types', `${name}.d.ts`),
    ])
    expect({ code, upToDate: answer.upToDate }).toEqual({ code: 0, upToDate: true })
  },
)

test('writes model.d.ts, keeps one that is right, and overwrites nothing else without --force', async () => {
  const cwd = await temporaryFolder()
  const path = join(cwd, 'model.d.ts')
  expect(await answerOf(['types', DIGITS, '--check'], { cwd })).toMatchObject({ code: 1, answer: { upToDate: false } })
  expect(await tensorferry(['types', DIGITS], { cwd })).toMatchObject({
    code: 0,
    stdout: 'wrote model.d.ts with Digits\n',
  })
  expect(await tensorferry(['types', DIGITS], { cwd })).toMatchObject({
    code: 0,
    stdout: 'kept model.d.ts with Digits\n',
  })
  expect(await answerOf(['types', DIGITS, '--name', 'Other'], { cwd })).toMatchObject({
    code: 0,
    answer: { type: 'Other', written: true },
  })
  expect(await readFile(path, 'utf8')).toContain('export interface Other {')

  await writeFile(path, 'mine')
  const refused = await answerOf(['types', DIGITS], { cwd })
  expect(refused).toMatchObject({
    code: 2,
    answer: { error: { message: expect.stringContaining('--force overwrites it') } },
  })
  expect(await readFile(path, 'utf8')).toBe('mine')
  expect((await tensorferry(['types', DIGITS, '--force'], { cwd })).code).toBe(0)
  expect(await readFile(path, 'utf8')).toContain('export interface Digits {')
})

test('names, labels and comments that are no TypeScript', async () => {
  const folder = await copyBundle('digits')
  await changeManifest(folder, (manifest) => {
    manifest.name = '3d-digits'
    manifest.labels = ["it's", 'say "nine"', 'back\\slash', '\\n', "it's"]
    manifest.inputs[0].doc = 'ends */ the comment'
    manifest.inputs[0].name = 'the image'
    manifest.preprocess[0].to = ['the image']
    manifest.outputs[0].shape = ['batch', '(batch+1)//2']
  })
  const { stdout } = await tensorferry(['types', folder, '--out', '-'])
  expect(stdout).toContain('export interface Model3dDigits {')
  expect(stdout).toContain(`readonly labels: 'it\\'s' | 'say "nine"' | 'back\\\\slash' | '\\\\n'\n`)
  expect(stdout).toContain('/** ends *\\/ the comment */')
  expect(stdout).toContain(`readonly 'the image': InputTensor<'float32', [batch: number, 1, 8, 8]>`)
  expect(stdout).toContain(`OutputTensor<'float32', [batch: number, /* (batch+1)//2 */ number]>`)
})

test('a bare model has the types that a backend knows', async () => {
  const { code, answer } = await answerOf(['types', join(MODELS, 'two-inputs.onnx'), '--out', '-'])
  expect(code).toBe(0)
  expect(answer.type).toBe('TwoInputs')
  const { answer: inspected } = await answerOf(['inspect', join(MODELS, 'two-inputs.onnx')])
  for (const { name, dtype } of inspected.signature.inputs) {
    expect(answer.text).toContain(`readonly ${name}: InputTensor<'${dtype}', [`)
  }
})
