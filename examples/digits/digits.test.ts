import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { bundle, loadModel } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { runExample } from '../run-example.ts'

const BUNDLE = fileURLToPath(new URL('../bundles/digits', import.meta.url))
const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']

describe('the bundle', () => {
  test('gives PyTorch’s and Pillow’s numbers in every golden, stage by stage', async () => {
    await using model = await loadModel(BUNDLE, { backend: onnxNode(), verify: 'full' })
    const cases = model.report.verify.cases
    expect(cases.map(({ skipped }) => skipped)).toEqual(cases.map(() => null))
    for (const { name, stages } of cases)
      if ('decoded' in stages) expect([name, stages.decoded, stages.inputs]).toEqual([name, 0, 0])
    expect(cases.some(({ stages }) => 'result' in stages)).toBe(true)
  })
  test('names ten held-out digits, several at once', async () => {
    await using model = await loadModel(bundle<{ task: 'image-classification' }>(BUNDLE), { backend: onnxNode() })
    expect(model.labels).toEqual(DIGITS)
    const named = await Promise.all(
      DIGITS.map(async (digit) => model.predict(await readFile(new URL(`./samples/${digit}.png`, import.meta.url)))),
    )
    expect(named.map(([best]) => best!.label)).toEqual(DIGITS)
    expect(named.map((classes) => classes.length)).toEqual(DIGITS.map(() => 3))
  })
})

describe('the example', () => {
  test('names its samples', async () => {
    const { code, stdout, stderr } = await runExample('digits', [])
    expect([code, stderr]).toEqual([0, ''])
    for (const digit of DIGITS) expect(stdout).toMatch(new RegExp(`${digit}\\.png +${digit} \\(`))
  })
  test('one bad picture does not cost the others', async () => {
    const { code, stdout, stderr } = await runExample('digits', ['nowhere.png', 'digits/samples/7.png'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/nowhere\.png: /)
    expect(stdout).toMatch(/7\.png +7 \(/)
  })
})
