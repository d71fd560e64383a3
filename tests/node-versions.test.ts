// The native runtime on every Node line that is supported: npm's `node` package brings the binaries.
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ROOT, run, runToEnd } from './workspace.ts'

const PROGRAMS = join(ROOT, 'packages', 'backend-onnx-node', 'test', 'programs')
const VERSIONS = { 22: '22.23.3', 24: '24.21.0' }

/** Installs that Node below `.cache`, once; returns its binary, or why there is none. */
async function findNode(version: string): Promise<{ binary: string } | { reason: string }> {
  const folder = join(ROOT, '.cache', 'node', version)
  const windows = process.platform === 'win32'
  const binary = join(folder, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node')
  if (existsSync(binary)) return { binary }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
  const { code, stderr } = await run(folder, 'npm', ['install', '--no-audit', '--no-fund', `node@${version}`])
  if (code === 0 && existsSync(binary)) return { binary }
  return {
    reason: `npm cannot install node@${version}: ${stderr.trim().split('\n').at(-1) ?? `it ended with ${code}`}`,
  }
}

describe.each(Object.entries(VERSIONS))('Node %s', async (_, version) => {
  const found = await findNode(version)
  if ('reason' in found) {
    test(found.reason, ({ skip }) => {
      if (process.env.CI === 'true') throw new Error(found.reason)
      skip(found.reason)
    })
    return
  }

  test('every conformance case, float16 among them, in a worker and inline', async () => {
    const report = JSON.parse(await runToEnd(ROOT, found.binary, [join(PROGRAMS, 'conformance.mjs')]))
    expect(report).toMatchObject({ node: version, failed: [] })
    expect(report.fixtures).toContain('float16')
    expect(report.passed).toBeGreaterThan(200)
  })

  test('a Float16Array is taken for float16, where there is one', async () => {
    const at = (path: string) => JSON.stringify(pathToFileURL(join(ROOT, 'packages', path)).href)
    const model = JSON.stringify(join(PROGRAMS, '..', 'fixtures', 'identity-float16.onnx'))
    const program = `import { loadModel, tensor } from ${at('core/dist/index.js')}
import { onnxNode } from ${at('backend-onnx-node/dist/index.js')}
const Halves = globalThis.Float16Array
const answers = []
for (const execution of Halves ? ['worker', 'inline'] : []) {
  await using model = await loadModel(${model}, { backend: onnxNode({ execution, threads: 1 }) })
  const { y } = await model.run({ x: tensor('float16', Halves.from([1.5, -2]), [1, 2]) })
  answers.push([...y.data])
}
console.log(JSON.stringify(answers))`.replace('await using', 'const')
    const answers = JSON.parse(await runToEnd(ROOT, found.binary, ['--input-type=module', '-e', program]))
    const bits = [0x3e00, 0xc000]
    expect(answers).toEqual(Number(version.split('.')[0]) >= 24 ? [bits, bits] : [])
  })

  test.each([
    ['exit', 0],
    ['short', 0],
    ['loading', 0],
    ['dispose', 0],
    ['throw', 1],
  ])('no abort when the process ends under load: %s', async (how, code) => {
    for (const delay of [60, 120, 180]) {
      const end = await run(ROOT, found.binary, [join(PROGRAMS, 'end-under-load.mjs'), how, String(delay)])
      expect({ delay, code: end.code, aborted: /Napi::Error/.test(end.stderr) }).toEqual({
        delay,
        code,
        aborted: false,
      })
    }
  })
})
