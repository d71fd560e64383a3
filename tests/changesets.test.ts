// A minor change of core must become the same minor version of every package, and no major one.
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { manifestOf, publishedPackages, ROOT, runToEnd, workspacePackages } from './workspace.ts'

const CHANGESET = fileURLToPath(new URL('./bin.js', import.meta.resolve('@changesets/cli/package.json')))
const packages = publishedPackages()
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensorferry-changesets-'))
  const manifests = ['.', 'examples', 'examples/playground', 'benchmarks']
    .map((path) => join(ROOT, path))
    .concat(workspacePackages().map((one) => one.folder))
  const files = [
    ...manifests.map((from) => relative(ROOT, join(from, 'package.json'))),
    'pnpm-workspace.yaml',
    'pnpm-lock.yaml',
  ]
  for (const file of [...files, '.changeset/config.json']) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await cp(join(ROOT, file), join(folder, file))
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test('a minor change of core gives every published package the next minor version', async () => {
  const [major, minor] = manifestOf(join(ROOT, 'packages/core')).version.split('.')
  await writeFile(join(folder, '.changeset/one.md'), "---\n'@tensorferry/core': minor\n---\n\nSomething new.\n")
  await runToEnd(folder, process.execPath, [CHANGESET, 'version'])
  for (const { folder: from, manifest } of packages) {
    const changed = manifestOf(join(folder, relative(ROOT, from)))
    expect([manifest.name, changed.version]).toEqual([manifest.name, `${major}.${Number(minor) + 1}.0`])
    for (const [name, range] of Object.entries(changed.dependencies ?? {})) {
      if (name.startsWith('@tensorferry/')) expect(range).toBe('workspace:^')
    }
  }
  expect(manifestOf(join(folder, 'examples'))).toEqual(manifestOf(join(ROOT, 'examples')))
  expect(await readdir(join(folder, '.changeset'))).toEqual(['config.json'])
})

test('the changesets that wait name packages that exist', async () => {
  const waiting = (await readdir(join(ROOT, '.changeset'))).filter(
    (name) => name.endsWith('.md') && name !== 'README.md',
  )
  for (const name of waiting) await cp(join(ROOT, '.changeset', name), join(folder, '.changeset', name))
  const printed = await runToEnd(folder, process.execPath, [CHANGESET, 'version'])
  expect(printed).not.toMatch(/error/i)
  expect(await readdir(join(folder, '.changeset'))).toEqual(['config.json'])
})
