// The same examples on libtorch: the goldens hold, and what they print is what they print on ONNX Runtime.
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { libtorch } from '@tensorferry/backend-libtorch'
import { loadModel, bundle as typed } from '@tensorferry/core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type {} from '../packages/backend-libtorch/test/set-up.ts'
import { runExample } from './run-example.ts'

const { libtorch: found, packages } = inject('environment')
const root = 'root' in found ? found.root : ''
const NAMED = { TENSORFERRY_BACKEND: '@tensorferry/backend-libtorch', LIBTORCH: root }
const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensorferry-libtorch-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Compiles a copy of a bundle for this machine; its folder, and the sha256 that the command says. */
async function compiled(name: string): Promise<{ bundle: string; sha256: string }> {
  const bundle = join(folder, name)
  await cp(fileURLToPath(new URL(`./bundles/${name}`, import.meta.url)), bundle, { recursive: true })
  // site-packages/torch is four folders under the environment.
  const python = process.env.TENSORFERRY_PYTHON ?? join(root, '../../../../bin/python')
  const sources = fileURLToPath(new URL('../packages/exporter/src', import.meta.url))
  const { stdout } = await promisify(execFile)(python, ['-m', 'tensorferry', 'aoti', bundle, '--force'], {
    env: { ...process.env, PYTHONPATH: sources },
  })
  return { bundle, sha256: /sha256 +([0-9a-f]{64})\n/.exec(stdout)![1]! }
}

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

  // Where compiled packages cannot run, the set-up has said why.
  test.skipIf('missing' in packages)(
    'compiled for this machine by python -m tensorferry aoti, with the sha256 pinned',
    {
      timeout: 600_000,
    },
    async () => {
      const { bundle, sha256 } = await compiled('digits')
      await using model = await loadModel(typed<{ task: 'image-classification' }>(bundle), {
        backend: libtorch({ libtorch: root, trust: { sha256 } }),
        verify: 'full',
      })
      expect(model.report.artifact).toEqual({ name: 'aot-inductor', format: 'aot-inductor', precision: 'float32' })
      const cases = model.report.verify.cases
      expect(cases.map(({ skipped }) => skipped)).toEqual(cases.map(() => null))
      expect(Math.max(...cases.map(({ stages }) => Math.max(...Object.values(stages))))).toBeLessThan(2e-5)
      // Pictures that are in no golden, at once.
      const pictures = await Promise.all(
        DIGITS.map((digit) => readFile(new URL(`./digits/samples/${digit}.png`, import.meta.url))),
      )
      const named = await Promise.all(pictures.map((picture) => model.predict(picture)))
      expect(named.map(([best]) => best!.label)).toEqual(DIGITS)

      // Nobody's word: the bundle's own TorchScript is taken, and native code is refused where it is asked for.
      await using other = await loadModel(bundle, { backend: libtorch({ libtorch: root }) })
      expect(other.report.artifact?.name).toBe('torchscript')
      const asked = { artifact: 'aot-inductor' }
      await expect(loadModel(bundle, { backend: libtorch({ libtorch: root }), ...asked })).rejects.toMatchObject({
        code: 'UNTRUSTED_CODE',
      })
      const wrong = libtorch({ libtorch: root, trust: { sha256: '0'.repeat(64) } })
      await expect(loadModel(bundle, { backend: wrong })).rejects.toMatchObject({ code: 'UNTRUSTED_CODE' })
    },
  )

  test('digits names its samples', async () => {
    const { code, stdout, stderr } = await runExample('digits', [], { added: NAMED })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/backend {3}libtorch \(@tensorferry\/backend-libtorch\), asked for by TENSORFERRY_BACKEND/)
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
