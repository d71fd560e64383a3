import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { loadModel, type Progress } from '@tensorferry/core'
import { afterAll, describe, expect, test } from 'vitest'
import { fixturePath } from './model-file.ts'

const root = mkdtempSync(join(tmpdir(), 'tensorferry-'))
afterAll(() => rmSync(root, { recursive: true }))

const FILES = ['external.onnx', 'external.weights']

/** A bundle around the fixture with external data. */
function makeBundle(): string {
  const folder = mkdtempSync(join(root, 'bundle-'))
  const files = FILES.map((path) => {
    copyFileSync(fixturePath(path), join(folder, path))
    const content = readFileSync(join(folder, path))
    return { path, size: content.length, sha256: createHash('sha256').update(content).digest('hex') }
  })
  const tensor = (name: string) => ({ name, dtype: 'float32', shape: [8] })
  const manifest = {
    schema: 'tensorferry.bundle/1',
    name: 'external',
    version: '1.0.0',
    dims: {},
    inputs: [tensor('x')],
    outputs: [tensor('y')],
    states: [],
    preprocess: [],
    postprocess: [],
    labels: null,
    goldens: null,
    artifacts: [{ name: 'onnx', format: 'onnx', precision: 'float32', files, requires: { opset: 20 } }],
  }
  writeFileSync(join(folder, 'bundle.json'), JSON.stringify(manifest))
  return folder
}

/** Another file of the same size in its place, at the last moment before ONNX Runtime opens it. */
function swapAtLoad(path: string, change: (content: Buffer) => void): (progress: Progress) => void {
  let isDone = false
  return ({ phase, loaded }) => {
    if (isDone || phase !== 'load' || loaded !== 0) return
    isDone = true
    const content = readFileSync(path)
    change(content)
    writeFileSync(`${path}.new`, content)
    renameSync(`${path}.new`, path)
  }
}

describe.each(['worker', 'inline'] as const)('a file that is swapped after it was checked (%s)', (execution) => {
  const backend = onnxNode({ execution, threads: 1 })

  test.each(FILES)('%s', async (path) => {
    const folder = makeBundle()
    const onProgress = swapAtLoad(join(folder, path), (content) =>
      content.set([content.at(-1)! ^ 1], content.length - 1),
    )
    await expect(loadModel(folder, { backend, onProgress })).rejects.toMatchObject({
      code: 'INTEGRITY_FAILED',
      message: expect.stringContaining(`${path}: the file was changed, moved or replaced while it was being loaded`),
    })
  })

  test('by what ONNX Runtime cannot read: that it was swapped says more', async () => {
    const folder = makeBundle()
    const onProgress = swapAtLoad(join(folder, 'external.onnx'), (content) => content.fill(255))
    await expect(loadModel(folder, { backend, onProgress })).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
  })

  test('of a bare model', async () => {
    const folder = makeBundle()
    const onProgress = swapAtLoad(join(folder, 'external.weights'), (content) => content.fill(0))
    await expect(loadModel(join(folder, 'external.onnx'), { backend, onProgress })).rejects.toMatchObject({
      code: 'INTEGRITY_FAILED',
    })
  })

  test('and one that stays loads', async () => {
    await using model = await loadModel(makeBundle(), { backend })
    expect(model.report.verify.skipped).toBe('the bundle has no goldens')
  })
})
