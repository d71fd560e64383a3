// Flags of the app are not the workers': real programs, started as people start them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { workerFlags } from '@tensorferry/core/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../../../tests/workspace.ts'
import { fixturePath } from './model-file.ts'

const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
const program = (backend: string, factory: string): string =>
  `import { loadModel, tensor } from ${at('../../core/dist/index.js')}
import { ${factory} } from ${at(`../../${backend}/dist/index.js`)}
const model = await loadModel(${JSON.stringify(fixturePath('identity-float32.onnx'))}, { backend: ${factory}({ threads: 1 }) })
const { y } = await model.run({ x: tensor('float32', [1, -2], [1, 2]) })
console.log(JSON.stringify([...y.data]))
await model.dispose()`

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensorferry-flags-'))
  await writeFile(join(folder, 'hook.mjs'), "process.stderr.write('hook\\n')")
  await writeFile(join(folder, 'hook.cjs'), "process.stderr.write('hook\\n')")
})
afterAll(() => rm(folder, { recursive: true }))

test.each([
  ['onnx-node', 'backend-onnx-node', 'onnxNode'],
  ['onnx-web', 'backend-onnx-web', 'onnxWeb'],
])('%s runs from node --input-type=module -e, and hooks load once', async (_, backend, factory) => {
  const hooks = ['--import', pathToFileURL(join(folder, 'hook.mjs')).href, '--require', join(folder, 'hook.cjs')]
  const ended = await run(folder, process.execPath, [
    '--no-warnings',
    '--max-old-space-size=500',
    ...hooks,
    '--input-type=module',
    '-e',
    program(backend, factory),
  ])
  expect(ended).toMatchObject({ code: 0, stdout: '[1,-2]\n', stderr: 'hook\nhook\n' })
})

test('flags of every thread are handed on, those of the app are not', () => {
  const flags = ['--import', 'tsx', '--no-addons', '--disable-warning', 'ExperimentalWarning', '--test', '-e', '1']
  expect(
    workerFlags([...flags, '--disable-warning=DEP0040', '--preserve-symlinks', '--max-old-space-size=99']),
  ).toEqual([
    '--no-addons',
    '--disable-warning',
    'ExperimentalWarning',
    '--disable-warning=DEP0040',
    '--preserve-symlinks',
  ])
})
