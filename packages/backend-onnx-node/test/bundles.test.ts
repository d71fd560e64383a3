import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { loadModel, tensor, zeros } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'

const bundlePath = (name: string) => fileURLToPath(new URL(`../../core/test/fixtures/bundles/${name}`, import.meta.url))

describe('a recurrent bundle', () => {
  test('gives PyTorch’s numbers in every step of its goldens', async () => {
    await using model = await loadModel(bundlePath('recurrent'), { backend: onnxNode(), verify: 'full' })
    expect(model.report.verify.cases.length).toBeGreaterThan(0)
    expect(model.report.verify.cases.every(({ stages }) => stages.outputs! < 1e-5)).toBe(true)
  })
  test('streams: states are fed back, and reset starts anew', async () => {
    await using model = await loadModel(bundlePath('recurrent'), { backend: onnxNode() })
    const [state] = model.inputs.filter(({ name }) => model.outputs.some((output) => output.name.startsWith(name)))
    const [free] = model.inputs.filter((spec) => spec !== state)
    const input = { [free!.name]: tensor('float32', [1, -1, 0.5, 0, 2, 1], [2, 3]) }
    const stream = model.stream()
    const first = await stream.run(input)
    const second = await stream.run(input)
    expect(second).not.toEqual(first)
    await stream.reset()
    expect(await stream.run(input)).toEqual(first)
    // The same by hand: the first step's state is zeros.
    const byHand = await model.run({ ...input, [state!.name]: zeros('float32', [2, 4]) })
    for (const [name, value] of Object.entries(first)) expect(byHand[name]).toEqual(value)
  })
})

test.each(['sentiment', 'pixels'])('%s: labels without a picture, and of one with a tensor beside it', async (name) => {
  await using model = await loadModel(bundlePath(name), { backend: onnxNode(), verify: 'full' })
  const staged = model.report.verify.cases.filter(({ stages }) => stages.result !== undefined)
  expect(staged).toHaveLength(1)
  expect(staged[0]!.stages.result).toBeLessThan(1e-6)
  if (name === 'pixels') expect(staged[0]!.stages).toMatchObject({ decoded: 0, inputs: 0 })
})

test('two inputs with a shared dim, and an output dim that is an expression', async () => {
  await using model = await loadModel(bundlePath('two-inputs'), {
    backend: onnxNode({ execution: 'inline' }),
    verify: 'full',
  })
  expect(model.report.verify.cases.length).toBeGreaterThan(0)
  const dims = model.outputs.flatMap(({ shape }) => shape ?? [])
  expect(dims.some((dim) => typeof dim === 'string' && /[*+/-]/.test(dim))).toBe(true)
})
