// Plain facts about the files in git.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { manifestOf, publishedPackages, ROOT } from './workspace.ts'

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
  .split('\0')
  .filter(Boolean)
  .map((path) => ({ path, bytes: statSync(join(ROOT, path), { throwIfNoEntry: false })?.size ?? 0 }))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const texts = tracked
  .filter(
    ({ path, bytes }) =>
      bytes > 0 && !/\.(onnx|safetensors|png|jpg|webp|pt|pt2|bin|node|wasm)$|\/formats\/[\w-]+$/.test(path),
  )
  .map(({ path }) => ({ path, text: read(path) }))
const sources = texts.filter(({ path }) => /^packages\/[\w-]+\/src\/.*\.(ts|py)$/.test(path))
// Without comments, which may name what the code must not do.
const libraries = sources
  .filter(({ path }) => path.endsWith('.ts'))
  .map(({ path, text }) => ({ path, text: text.replace(/^\s*(\/\*\*?|\*|\/\/).*$/gm, '') }))

/** Places of a pattern, as path:line. */
function places(files: readonly { path: string; text: string }[], pattern: RegExp): readonly string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  )
}

test('the files are found', () => {
  expect(libraries.length).toBeGreaterThan(80)
  expect(sources.length).toBeGreaterThan(libraries.length)
})

test('libraries throw TensorferryError', () => {
  // The kit's broken backends throw what foreign code throws.
  const own = libraries.filter(({ path }) => !path.startsWith('packages/core/src/testing/fakes/'))
  expect(places(own, /throw new (Error|TypeError|RangeError)\(|throw ['"`{]/)).toEqual([])
})

test('libraries print nothing', () => {
  // The command lines print, each in one place.
  const terminals = ['packages/cli/src/terminal/terminal.ts', 'packages/backend-libtorch/src/cli.ts']
  const silent = libraries.filter(({ path }) => !terminals.includes(path))
  expect(places(silent, /\bconsole\.|process\.std(out|err)|process\.emitWarning/)).toEqual([])
})

test('core imports no backend', () => {
  const core = libraries.filter(({ path }) => path.startsWith('packages/core/'))
  expect(places(core, /from '@tensorferry\/|import\('@tensorferry\//)).toEqual([])
})

test('only platform/ touches files, network and picture codecs', () => {
  const others = libraries.filter(({ path }) => /^packages\/core\/src\/(?!platform\/)/.test(path))
  expect(
    places(others, /from 'node:|import\('node:|'sharp'|(?<!typeof )globalThis\.fetch|new OffscreenCanvas/),
  ).toEqual([])
})

test('no source file is longer than 400 lines', () => {
  const long = sources.map(({ path, text }) => `${text.split('\n').length - 1} ${path}`)
  expect(long.filter((line) => Number.parseInt(line, 10) > 400)).toEqual([])
})

test('no text holds a path of someone’s machine', () => {
  const folders = ['work', 'root', 'home', 'Users', 'tmp']
  const machine = new RegExp(`(^|[^\\w./~)}-])/(${folders.join('|')})/[\\w.-]`)
  expect(places(texts, machine)).toEqual([])
})

test('no test is left out or preferred', () => {
  const tests = texts.filter(({ path }) => /\.test(-d)?\.ts$/.test(path) && path !== 'tests/repository.test.ts')
  expect(tests.length).toBeGreaterThan(20)
  expect(places(tests, /\b(describe|test|it)(\.\w+)*\.(only|skip|todo|fails)\b|\b[fx](describe|it|test)\(/)).toEqual([])
  const python = texts.filter(({ path }) => /test_\w+\.py$/.test(path))
  expect(places(python, /pytest\.mark\.(skip|xfail)\b/)).toEqual([])
})

test('no file is over 1 MB', () => {
  expect(tracked.filter(({ bytes }) => bytes > 1_000_000)).toEqual([])
})

test('every bundle is under 0.5 MB', () => {
  const bundles = new Set(tracked.flatMap(({ path }) => /^examples\/bundles\/([^/]+)\//.exec(path)?.[1] ?? []))
  expect([...bundles]).toEqual(expect.arrayContaining(['digits', 'super-resolution-x3']))
  for (const bundle of bundles) {
    const files = tracked.filter(({ path }) => path.startsWith(`examples/bundles/${bundle}/`))
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    expect(bytes, bundle).toBeGreaterThan(10_000)
    expect(bytes, bundle).toBeLessThan(500_000)
  }
})

describe.each(publishedPackages())('$manifest.name', ({ folder, manifest }) => {
  test('its package.json says what the others say', () => {
    const { license, type, sideEffects, engines, version, description } = manifest
    expect({ license, type, sideEffects, engines }).toEqual({
      license: 'MIT',
      type: 'module',
      sideEffects: false,
      engines: { node: '>=20.19' },
    })
    expect(version).toBe(manifestOf(join(ROOT, 'packages/core')).version)
    expect(description?.length).toBeGreaterThan(20)
    for (const target of Object.values(manifest.exports)) {
      // An import-only map fails under createRequire, and types come first.
      if (typeof target !== 'string') expect(Object.keys(target)).toEqual(['types', 'default'])
    }
  })

  test('it has a README', () => {
    expect(readdirSync(folder)).toContain('README.md')
  })
})

test('dependencies are pinned, peers are ranges, packages of the workspace are asked for by workspace:^', () => {
  const manifests = tracked.filter(({ path }) => /(^|\/)package\.json$/.test(path))
  const loose = manifests.flatMap(({ path }) => {
    const { dependencies, devDependencies } = manifestOf(join(ROOT, path, '..'))
    return Object.entries({ ...dependencies, ...devDependencies })
      .filter(([name, range]) =>
        name.startsWith('@tensorferry/') ? range !== 'workspace:^' : !/^\d+\.\d+\.\d+$/.test(range),
      )
      .map(([name, range]) => `${path}: ${name} ${range}`)
  })
  expect(loose).toEqual([])
})
