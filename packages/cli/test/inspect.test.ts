import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answerOf, changeFile, copyBundle, ROOT, temporaryFolder, tensorferry } from './program.ts'

const DIGITS = join(ROOT, 'examples/bundles/digits')
const MODELS = join(ROOT, 'packages/backend-onnx-node/test/fixtures')
const FORMATS = join(ROOT, 'packages/core/test/fixtures/formats')

test('a bundle: card, inputs, outputs, dims, steps, artifacts, files with sizes and hashes', async () => {
  const { code, answer } = await answerOf(['inspect', DIGITS])
  expect(code).toBe(0)
  const manifest = JSON.parse(await readFile(join(DIGITS, 'bundle.json'), 'utf8'))
  expect(answer).toMatchObject({
    name: 'digits',
    inputs: manifest.inputs,
    outputs: manifest.outputs,
    dims: manifest.dims,
  })
  expect(answer.card).toBe(await readFile(join(DIGITS, 'README.md'), 'utf8'))
  const listed = [...manifest.artifacts[0].files, ...manifest.program.files, manifest.goldens.file]
  expect(answer.files).toEqual(expect.arrayContaining(listed.map((file) => ({ ...file, problem: null }))))
  expect(answer.readers.onnx).toContainEqual({ backend: 'onnx-node', installed: true })

  const { stdout } = await tensorferry(['inspect', DIGITS])
  for (const text of [
    'bundle     digits 1.0.0',
    'image  float32  [batch, 1, 8, 8]  a white digit on black, normalised',
    'batch    1  1024  rows are independent',
    'resize size=[8,8] interpolation=box reference=pillow',
    'normalize mean=[0.3] std=[0.38]',
    'softmax axis=-1',
    'onnx         onnx          float32    torch.export  opset 20',
    'program      torch.export  float32',
    'held-out: held-out.png, decoded, inputs, outputs, result',
    'model.onnx           93.8 kB  dd74f3def0f3988f  as listed',
  ]) {
    expect(stdout).toContain(text)
  }
})

test('a file that differs from the manifest is named: exit code 1', async () => {
  const folder = await copyBundle('digits')
  await changeFile(folder, 'model.onnx', (bytes) => {
    bytes[100]! ^= 1
  })
  const { code, answer } = await answerOf(['inspect', folder])
  expect(code).toBe(1)
  const broken = answer.files.filter(({ problem }: { problem: string | null }) => problem !== null)
  expect(broken).toEqual([
    expect.objectContaining({ path: 'model.onnx', problem: expect.stringContaining('expected sha256') }),
  ])
})

test('a bare ONNX file: what it says of itself, and what a backend says of it', async () => {
  const { code, answer } = await answerOf(['inspect', join(MODELS, 'external.onnx')])
  expect(code).toBe(0)
  expect(answer).toMatchObject({ format: 'onnx', onnx: { opset: 20, externalSizes: { 'external.weights': 32 } } })
  expect(answer.signature).toMatchObject({
    backend: 'onnx-node',
    inputs: [{ name: 'x', dtype: 'float32', shape: [8] }],
  })
})

test('an ONNX file whose weights are not there', async () => {
  const cwd = await temporaryFolder()
  await copyFile(join(MODELS, 'external.onnx'), join(cwd, 'external.onnx'))
  const { code, answer } = await answerOf(['inspect', 'external.onnx'], { cwd })
  expect(code).toBe(0)
  expect(answer.onnx.externalSizes).toEqual({ 'external.weights': null })
  expect(answer).toMatchObject({ signature: null, unopened: expect.stringContaining('no file "external.weights"') })
})

test('a TorchScript archive: its entries, weights, and who reads it', async () => {
  const { code, answer } = await answerOf(['inspect', join(FORMATS, 'torchscript')])
  expect(code).toBe(0)
  expect(answer.format).toBe('torchscript')
  expect(answer.archive).toMatchObject({ entries: 9, codeFiles: 1, weights: { tensors: 2, bytes: 24 }, version: '3' })
  expect(answer.readers.map(({ backend }: { backend: string }) => backend)).toEqual(['libtorch'])
})

test('a state dict is no model, and a damaged archive is said to be so', async () => {
  const dict = await answerOf(['inspect', join(FORMATS, 'state-dict')])
  expect(dict.code).toBe(3)
  expect(dict.answer.error.message).toContain('got a state dict or training checkpoint')
  const cwd = await temporaryFolder()
  await copyFile(join(FORMATS, 'torchscript'), join(cwd, 'model.pt'))
  await changeFile(cwd, 'model.pt', (bytes) => bytes.fill(0, bytes.length - 200, bytes.length - 100))
  const damaged = await answerOf(['inspect', 'model.pt'], { cwd })
  expect(damaged.code).toBe(3)
  expect(damaged.answer.error.code).toBe('FORMAT_UNSUPPORTED')
})
