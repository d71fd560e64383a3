// A server that a bundler has put into one file, of the packed packages, run as its operator would run it.
import { cp, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNpmProject, packPackages } from './packed-projects.ts'
import { manifestOf, ROOT, run, runToEnd } from './workspace.ts'

const INSTALLS = {
  esbuild: '0.28.2',
  rollup: '4.68.7',
  '@rollup/plugin-node-resolve': '16.0.3',
  webpack: '5.112.2',
  'webpack-cli': '7.3.1',
  'minimizer-webpack-plugin': '5.14.0',
  sharp: manifestOf(join(ROOT, 'examples')).dependencies!.sharp!,
}

/** Names a digit in a worker and on the main thread, from a picture file: the runtime and sharp are both native. */
const SERVER = `import { readFile } from 'node:fs/promises'
import { loadModel } from '@tensorferry/core'
import { onnxNode } from '@tensorferry/backend-onnx-node'

async function main() {
  const answers = []
  for (const execution of ['worker', 'inline']) {
    const model = await loadModel('./digits', { backend: onnxNode({ threads: 1, execution }) })
    const [best] = await model.predict(await readFile('digit.png'))
    answers.push(best.label)
    await model.dispose()
  }
  console.log(JSON.stringify(answers))
}
main().catch(({ code, message }) => {
  console.log(JSON.stringify({ code, message }))
  process.exitCode = 1
})
`

const ROLLUP = `import { nodeResolve } from '@rollup/plugin-node-resolve'
const outputs = { es: 'rollup.mjs', cjs: 'rollup.cjs' }
export default Object.entries(outputs).map(([format, file]) => ({
  input: 'server.mjs',
  plugins: [nodeResolve({ exportConditions: ['node'] })],
  output: { file, format, inlineDynamicImports: true },
}))
`

const WEBPACK = `module.exports = {
  mode: 'production', target: 'node20', entry: './server.mjs', output: { path: __dirname, filename: 'webpack.cjs' },
}
`

const esbuild = (format: 'esm' | 'cjs', file: string, ...more: string[]) =>
  ['esbuild', 'server.mjs', '--bundle', '--platform=node', `--format=${format}`, `--outfile=${file}`, ...more] as const

const BUNDLERS: readonly {
  readonly name: string
  readonly build: readonly [program: string, ...args: string[]]
  readonly files: readonly string[]
}[] = [
  { name: 'esbuild, modules', build: esbuild('esm', 'esbuild.mjs'), files: ['esbuild.mjs'] },
  { name: 'esbuild, CommonJS', build: esbuild('cjs', 'esbuild.cjs'), files: ['esbuild.cjs'] },
  {
    name: 'esbuild, packages external',
    build: esbuild('esm', 'external.mjs', '--external:@tensorferry/*', '--external:onnxruntime-node'),
    files: ['external.mjs'],
  },
  { name: 'Rollup', build: ['rollup', '--config', 'rollup.config.mjs'], files: ['rollup.mjs', 'rollup.cjs'] },
  { name: 'webpack', build: ['webpack', '--config', 'webpack.config.cjs'], files: ['webpack.cjs'] },
]

/** pnpm starts vitest with a path to all packages of this repository. */
const ALONE = { NODE_PATH: '' }

let folder: string
let app: string

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-bundled-')))
  const tarballs = await packPackages(folder, ['@tensorferry/core', '@tensorferry/backend-onnx-node'])
  app = await createNpmProject(join(folder, 'app'), tarballs, INSTALLS)
  await writeFile(join(app, 'server.mjs'), SERVER)
  await writeFile(join(app, 'rollup.config.mjs'), ROLLUP)
  await writeFile(join(app, 'webpack.config.cjs'), WEBPACK)
  await cp(join(ROOT, 'examples/bundles/digits'), join(app, 'digits'), { recursive: true })
  await cp(join(ROOT, 'examples/digits/samples/3.png'), join(app, 'digit.png'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(BUNDLERS)('$name', ({ build: [program, ...args], files }) => {
  test('builds without a setting, and what it writes names digits in a worker and inline', async () => {
    await runToEnd(app, 'npx', ['--no-install', program, ...args])
    for (const file of files) {
      const { code, stdout } = await run(app, process.execPath, [file], ALONE)
      expect({ file, code, stdout: stdout.trim() }).toEqual({ file, code: 0, stdout: '["3","3"]' })
    }
  })
})

test('away from every node_modules the error says what to do', async () => {
  const away = join(folder, 'away')
  await cp(join(app, 'digits'), join(away, 'digits'), { recursive: true })
  await cp(join(app, 'esbuild.cjs'), join(away, 'server.cjs'))
  await cp(join(app, 'digit.png'), join(away, 'digit.png'))
  const { code, stdout } = await run(away, process.execPath, ['server.cjs'], ALONE)
  expect(code).toBe(1)
  const answer = JSON.parse(stdout)
  expect(answer.code).toBe('BACKEND_UNAVAILABLE')
  expect(answer.message).toMatch(
    /onnxruntime-node cannot be found.*npm install onnxruntime-node.*@tensorferry\/\* and onnxruntime-node external/,
  )
})

test('where only what is imported was copied the error says what is missing', async () => {
  const traced = join(folder, 'traced')
  const native = `onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/onnxruntime_binding.node`
  const copied = ['onnxruntime-node/package.json', 'onnxruntime-node/dist', 'onnxruntime-common', native]
  for (const path of copied) {
    await cp(join(app, 'node_modules', path), join(traced, 'node_modules', path), { recursive: true })
  }
  await cp(join(app, 'digits'), join(traced, 'digits'), { recursive: true })
  await cp(join(app, 'external.mjs'), join(traced, 'server.mjs'))
  await cp(join(app, 'node_modules/@tensorferry'), join(traced, 'node_modules/@tensorferry'), { recursive: true })
  await cp(join(app, 'node_modules/valibot'), join(traced, 'node_modules/valibot'), { recursive: true })
  await cp(join(app, 'digit.png'), join(traced, 'digit.png'))
  const { code, stdout } = await run(traced, process.execPath, ['server.mjs'], ALONE)
  expect(code).toBe(1)
  const answer = JSON.parse(stdout)
  expect(answer.code).toBe('BACKEND_UNAVAILABLE')
  expect(answer.message).toMatch(
    /library that belongs beside .*onnxruntime_binding\.node is missing; take all of this folder/,
  )
})
