import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fixturesFor } from '@tensorferry/core/testing'
import { expect, onTestFinished, test } from 'vitest'
import { prepareLibtorch } from '../libtorch.ts'
import { bundlePath, loadModels } from '../load-models.ts'

const libtorch = await prepareLibtorch()
const missing = 'missing' in libtorch ? libtorch.missing : null
if (missing !== null && process.env.CI) throw new Error(`no libtorch: ${missing}`)
if (missing !== null) console.warn(`skipped, no libtorch: ${missing}`)
const backend = (replicas?: number) => (libtorch as Exclude<typeof libtorch, { missing: string }>)(replicas)

test.skipIf(missing !== null)('a model that remembers answers every client as if he were the first', async () => {
  const fixture = await fixturesFor('torchscript')
    .find(({ traits }) => traits.includes('inner-state'))!
    .load()
  const folder = await mkdtemp(join(tmpdir(), 'tensorferry-state-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'remembers.pt')
  await writeFile(path, await fixture.artifact.files[0].bytes())
  const { repository, events } = await loadModels({ models: [path], backend: backend() })
  expect(events.find(({ type }) => type === 'loaded')).toMatchObject({ unbatched: 'the model keeps state' })
  const { inputs, outputs } = fixture.goldens[0]!
  const model = repository.get('remembers')
  // A bare TorchScript file has no names for its results: the order binds them.
  const values = (tensors: typeof outputs) => Object.values(tensors).map(({ data }) => [...(data as Float32Array)])
  const bound = Object.fromEntries(Object.values(inputs).map((value, i) => [model.signature.inputs[i]!.name, value]))
  const replies = await Promise.all(Array.from({ length: 5 }, () => model.infer(bound)))
  for (const reply of replies) expect(values(reply)).toEqual(values(outputs))
  expect(model.statistics()).toMatchObject({ executionCount: 5, inferenceCount: 5 })
})

test.skipIf(missing !== null)('libtorch gathers requests too, and its replies are those of onnx-node', async () => {
  const { repository } = await loadModels({
    models: [
      { name: 'torch', source: bundlePath('digits'), backend: backend(2) },
      { name: 'onnx', source: bundlePath('digits') },
    ],
  })
  const torch = repository.get('torch')
  const requests = Array.from({ length: 40 }, (_, i) => {
    const rows = 1 + (i % 3)
    const data = Float32Array.from({ length: rows * 64 }, (_, j) => Math.sin(i + j))
    return { image: { dtype: 'float32' as const, shape: [rows, 1, 8, 8], data } }
  })
  const replies = await Promise.all(requests.map((inputs) => torch.infer(inputs)))
  for (const [i, inputs] of requests.entries()) {
    const expected = (await repository.get('onnx').infer(inputs)).logits!
    const got = replies[i]!.logits!
    expect(got.shape).toEqual(expected.shape)
    const worst = (got.data as Float32Array).reduce(
      (most, value, j) => Math.max(most, Math.abs(value - (expected.data as Float32Array)[j]!)),
      0,
    )
    expect(worst).toBeLessThan(1e-4)
  }
  expect(torch.report.runtime.replicas).toBe(2)
  expect(torch.statistics().executionCount).toBeLessThan(40)
  expect(torch.statistics().inferenceCount).toBe(requests.reduce((rows, { image }) => rows + image.shape[0]!, 0))
})
