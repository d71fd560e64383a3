import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const core = join(root, 'packages/core/src')
const execute = promisify(execFile)
const packages = { '@tensorferry/core/testing': `${core}/testing/index.ts`, '@tensorferry/core': `${core}/index.ts` }
const platform = {
  '#platform': `${core}/platform/node.ts`,
  '#printer': `${core}/platform/printer-node.ts`,
}
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'write-a-backend-'))
  const guide = await readFile(join(root, 'docs/guides/write-a-backend.md'), 'utf8')
  for (const [, code] of guide.matchAll(/```ts\n(.*?)```/gs)) {
    const path = join(folder, code!.match(/^\/\/ (\S+)\n/)![1]!)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, code!)
  }
  await symlink(join(root, 'packages/backend-onnx-node/node_modules'), join(folder, 'node_modules'))
})

afterAll(() => rm(folder, { recursive: true }))

test("the guide's code compiles under strict", async () => {
  const paths = Object.entries({ ...packages, ...platform, vitest: `${root}node_modules/vitest/dist/index.d.ts` })
  const config = {
    extends: `${root}tsconfig.base.json`,
    compilerOptions: {
      typeRoots: [`${root}node_modules/@types`],
      paths: Object.fromEntries(paths.map(([name, path]) => [name, [path]])),
    },
    files: ['src/check.ts', 'test/conformance.test.ts'],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = await execute(process.execPath, [tsc, '-p', folder], { cwd: folder }).catch((error) => error)
  expect(stdout.split('\n').filter((line: string) => /^(src|test)\//.test(line))).toEqual([])
}, 60_000)

test("the guide's backend keeps every rule", async () => {
  await build({
    entryPoints: [join(folder, 'src/check.ts')],
    outfile: join(folder, 'check.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['onnxruntime-node', 'sharp'],
    alias: { ...packages, ...platform },
    logLevel: 'silent',
  })
  const { stdout } = await execute(process.execPath, [join(folder, 'check.mjs')])
  expect(stdout).not.toMatch(/^failed/m)
  const [, passed, failed] = stdout.match(/(\d+) passed, (\d+) failed/)!
  expect(Number(failed)).toBe(0)
  expect(Number(passed)).toBeGreaterThan(120)
}, 60_000)
