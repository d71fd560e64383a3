// The same examples on libtorch: the goldens hold, and what they print is what they print on ONNX Runtime.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { libtorch } from '@tensorferry/backend-libtorch'
import { loadModel } from '@tensorferry/core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type {} from '../packages/backend-libtorch/test/set-up.ts'
import { runExample } from './run-example.ts'

const found = inject('environment').libtorch
const root = 'root' in found ? found.root : ''
const NAMED = { TENSORFERRY_BACKEND: '@tensorferry/backend-libtorch', LIBTORCH: root }
const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensorferry-libtorch-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.skipIf(!root)('on libtorch', () => {
  test.each(['digits', 'super-resolution-x3'])('%s gives PyTorch’s numbers in every golden', async (name) => {
    const bundle = fileURLToPath(new URL(`./bundles/${name}`, import.meta.url))
    await using model = await loadModel(bundle, {
      backend: libtorch({ libtorch: root }),
      artifact: 'torchscript',
      verify: 'full',
    })
    expect(model.report.artifact?.format).toBe('torchscript')
    const cases = model.report.verify.cases
    expect(cases.map(({ skipped }) => skipped)).toEqual(cases.map(() => null))
    expect(cases.some(({ stages }) => 'result' in stages)).toBe(true)
    expect(Math.max(...cases.map(({ stages }) => Math.max(...Object.values(stages))))).toBeLessThan(2e-5)
  })

  test('digits names its samples', async () => {
    const { code, stdout, stderr } = await runExample('digits', [], { added: NAMED })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/backend {3}libtorch, asked for by TENSORFERRY_BACKEND/)
    for (const digit of DIGITS) expect(stdout).toMatch(new RegExp(`${digit}\\.png +${digit} \\(`))
  })

  test('super-resolution enlarges its photo as it does on ONNX Runtime', async () => {
    const gains = []
    for (const added of [NAMED, {}]) {
      const { code, stdout, stderr } = await runExample('super-resolution', ['--out', folder], { added })
      expect([code, stderr]).toEqual([0, ''])
      gains.push(Number(/\(\+([\d.]+) dB\)/.exec(stdout)?.[1]))
    }
    expect(gains[0]).toBeGreaterThanOrEqual(0.3)
    expect(gains[0]).toBe(gains[1])
  })
})
