// A package that is packed from a clone in which only the demo ran, which builds without types.
import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { manifestOf, publishedPackages, ROOT, run, runToEnd, workspacePackages } from './workspace.ts'

const nameOf = ({ folder }: { folder: string }) => folder.slice(join(ROOT, 'packages/').length)
/** One that is published and depends on another: each more would only take longer. */
const names = ['backend-onnx-node', 'core']
const isLeftOut = (name: string) => publishedPackages().map(nameOf).includes(name) && !names.includes(name)
/** The private ones too: they are built into those that are published. */
const folders = workspacePackages()
  .map(nameOf)
  .filter((name) => !isLeftOut(name))
let clone: string

/** Links what is installed for a package, but our own packages to those of the clone. */
async function linkInstalled(folder: string): Promise<void> {
  const from = join(ROOT, folder, 'node_modules')
  const to = join(clone, folder, 'node_modules')
  await mkdir(to, { recursive: true })
  for (const name of await readdir(from)) {
    if (name !== '@tensorferry') await symlink(await realpath(join(from, name)), join(to, name), 'junction')
  }
  for (const name of await readdir(join(from, '@tensorferry')).catch(() => [])) {
    await mkdir(join(to, '@tensorferry'), { recursive: true })
    await symlink(join(clone, 'packages', name), join(to, '@tensorferry', name), 'junction')
  }
}

beforeAll(async () => {
  clone = await realpath(await mkdtemp(join(tmpdir(), 'tensorferry-clone-')))
  const patterns = [
    'LICENSE',
    'package.json',
    'pnpm-*.yaml',
    'tsconfig.base.json',
    'scripts',
    ...folders.map((name) => `packages/${name}`),
  ]
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z', '--', ...patterns], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  for (const path of listed.split('\0').filter((path) => path && !/^packages\/[\w-]+\/tests?\//.test(path))) {
    await mkdir(dirname(join(clone, path)), { recursive: true })
    await cp(join(ROOT, path), join(clone, path)).catch((error: NodeJS.ErrnoException) => {
      // Deleted, and not yet so in git.
      if (error.code !== 'ENOENT') throw error
    })
  }
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'), 'junction')
  for (const name of folders) await linkInstalled(`packages/${name}`)
})

afterAll(() => rm(clone, { recursive: true, force: true }))

test('pnpm pack builds the types that the demo left out', async () => {
  const scripts = pathToFileURL(join(clone, 'scripts/pnpm.mjs')).href
  const likeTheDemo = `const { build } = await import('${scripts}'); await build(${JSON.stringify(names)}, { types: false })`
  await runToEnd(clone, process.execPath, ['--input-type=module', '-e', likeTheDemo])
  for (const name of names) {
    const built = await readdir(join(clone, 'packages', name, 'dist'))
    expect(built).toContain('index.js')
    expect(built).not.toContain('index.d.ts')
  }
  for (const name of names) {
    const folder = join(clone, 'packages', name)
    const printed = await runToEnd(folder, 'npx', ['--yes', manifestOf(ROOT).packageManager, 'pack', '--json'])
    const { files } = JSON.parse(printed.slice(printed.indexOf('{'))) as { files: { path: string }[] }
    const paths = files.map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts']))
    expect(await readFile(join(folder, 'dist/index.d.ts'), 'utf8')).toMatch(/export \{/)
  }
})

test('npm pack, which would pack what nobody can install, says what to run', async () => {
  const { code, stderr } = await run(join(clone, 'packages', names[0]!), 'npm', ['pack'])
  expect(code).not.toBe(0)
  expect(stderr).toContain('Pack all packages with: npm run pack')
})
