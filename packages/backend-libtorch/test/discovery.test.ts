import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { findLibtorch, searchLibtorch } from '../src/discovery/find-libtorch.ts'
import { LIBRARY } from '../src/discovery/read-root.ts'
import { compareVersions } from '../src/discovery/version.ts'
import { rejection } from './expect-error.ts'

const folder = mkdtempSync(join(tmpdir(), 'libtorch-discovery-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A torch root that holds no real library: versions are read without opening one. */
function fakeRoot(path: string, files: Record<string, string>): string {
  const root = join(folder, path)
  mkdirSync(join(root, 'lib'), { recursive: true })
  writeFileSync(join(root, 'lib', LIBRARY!), 'not a library')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

const versionPy = (version: string, cuda = 'None'): string =>
  `from typing import Optional\n\n__version__ = '${version}'\ndebug = False\ncuda: Optional[str] = ${cuda}\n`

/** A virtual environment around a fake root. */
function fakeEnvironment(name: string, version: string): string {
  fakeRoot(join(name, 'lib/python3.11/site-packages/torch'), { 'version.py': versionPy(version) })
  return join(folder, name)
}

/** A folder with a `python3` that answers with this text. */
function fakePython(name: string, answer: string): string {
  const bin = join(folder, name)
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'python3'), `#!/bin/sh\necho '${answer}'\n`)
  chmodSync(join(bin, 'python3'), 0o755)
  return bin
}

const pip = fakeRoot('pip/torch', { 'version.py': versionPy('2.13.0+cu130', "'13.0'") })
const noPython = fakePython('no-torch', '')

describe('versions are read as text', () => {
  test.each<[string, string, string | null]>([
    ['pip', pip, '13.0'],
    ['an archive of pytorch.org', fakeRoot('archive', { 'build-version': '2.12.1+cu126\n' }), '12.6'],
    [
      'headers alone',
      fakeRoot('headers', {
        'include/torch/headeronly/version.h':
          '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 3\n',
      }),
      null,
    ],
    [
      'CMake’s file',
      fakeRoot('cmake', { 'share/cmake/Torch/TorchConfigVersion.cmake': 'set(PACKAGE_VERSION "2.10.0")\n' }),
      null,
    ],
  ])('%s', async (_, root, cuda) => {
    const { found } = await searchLibtorch({ libtorch: root, oldest: '1.13', env: {} })
    expect(found).toMatchObject({ from: 'option', root, libraryFolder: join(root, 'lib'), cuda })
    expect(['2.13.0+cu130', '2.12.1+cu126', '2.11.3', '2.10.0']).toContain(found!.version)
  })

  test('2.9 is older than 2.13', () => {
    expect(compareVersions('2.9.1', '2.13')).toBeLessThan(0)
    expect(compareVersions('2.13.0+cpu', '2.13')).toBe(0)
    expect(compareVersions('2.13.0', '1.13')).toBeGreaterThan(0)
  })
})

describe('the order of places', () => {
  const venv = fakeEnvironment('venv', '2.12.0')
  const conda = fakeEnvironment('conda', '2.11.0')
  const python = fakePython('python', join(pip, '__init__.py'))
  const env = {
    LIBTORCH: fakeRoot('named', { 'version.py': versionPy('2.8.0') }),
    VIRTUAL_ENV: venv,
    CONDA_PREFIX: conda,
    PATH: python,
  }

  test.each<[string, NodeJS.ProcessEnv, string | undefined, string, string]>([
    ['the option is first', env, pip, 'option', '2.13.0+cu130'],
    ['then LIBTORCH', env, undefined, 'LIBTORCH', '2.8.0'],
    ['then the virtual environment', { ...env, LIBTORCH: '' }, undefined, 'virtual environment', '2.12.0'],
    ['then conda', { ...env, LIBTORCH: '', VIRTUAL_ENV: folder }, undefined, 'virtual environment', '2.11.0'],
    ['then python3', { PATH: `${python}:/bin` }, undefined, 'python3', '2.13.0+cu130'],
    ['a virtual environment may be the option', env, venv, 'option', '2.12.0'],
    ['so may its lib', env, join(pip, 'lib'), 'option', '2.13.0+cu130'],
  ])('%s', async (_, environment, libtorch, from, version) => {
    const { found } = await searchLibtorch({ libtorch, oldest: '1.13', env: environment })
    expect(found).toMatchObject({ from, version })
  })

  test('what somebody named must work: there is no falling back', async () => {
    const error = await rejection(
      () => findLibtorch({ libtorch: join(folder, 'nowhere'), oldest: '1.13', env }),
      'BACKEND_UNAVAILABLE',
    )
    expect(error.message).toMatch(/option: .*nowhere: no such folder/)
    expect(error.details.places).toHaveLength(1)
  })

  test('every place is in the error', async () => {
    const bare = join(folder, 'bare/lib/python3.11/site-packages/torch')
    mkdirSync(bare, { recursive: true })
    const { places, found } = await searchLibtorch({
      oldest: '99.0',
      env: { VIRTUAL_ENV: join(folder, 'bare'), CONDA_PREFIX: venv, PATH: `${noPython}:/bin` },
    })
    expect(found).toBeNull()
    expect(places.slice(0, 3).map(({ from, reason }) => [from, reason])).toEqual([
      ['virtual environment', `no ${LIBRARY} in it`],
      ['virtual environment', 'libtorch 2.12.0 is older than 99.0'],
      ['python3', 'its Python has no torch'],
    ])
    expect(places.slice(3).every(({ from, reason }) => from === 'system' && reason !== null)).toBe(true)
  })

  test('without a Python the search goes on', async () => {
    const { places } = await searchLibtorch({ oldest: '99.0', env: { PATH: folder } })
    expect(places[0]).toMatchObject({ from: 'python3', reason: 'python3 could not be asked (ENOENT)' })
  })
})

test('a library without a version beside it is not used', async () => {
  const root = fakeRoot('unversioned', {})
  const { found, places } = await searchLibtorch({ libtorch: root, oldest: '1.13', env: {} })
  expect(found).toBeNull()
  expect(places[0]!.reason).toMatch(/no file beside it says its version/)
})

test('links are followed, so that one libtorch has one path', async () => {
  const link = join(folder, 'link')
  symlinkSync(pip, link)
  const { found } = await searchLibtorch({ libtorch: link, oldest: '1.13', env: {} })
  expect(found!.root).toBe(pip)
})

test('the C++ ABI is read from the names in the library', async () => {
  const root = fakeRoot('abi', { 'version.py': versionPy('2.1.0') })
  const core = join(root, 'lib', 'libc10.so')
  writeFileSync(core, '_ZN3c105ErrorC1ENSs')
  expect((await searchLibtorch({ libtorch: root, oldest: '1.13', env: {} })).found!.cxx11Abi).toBe(false)
  writeFileSync(core, '_ZN3c105ErrorC1ENSt7__cxx1112basic_stringIcE')
  expect((await searchLibtorch({ libtorch: root, oldest: '1.13', env: {} })).found!.cxx11Abi).toBe(true)
  const copy = join(folder, 'copy')
  cpSync(root, copy, { recursive: true })
  rmSync(join(copy, 'lib', 'libc10.so'))
  expect((await searchLibtorch({ libtorch: copy, oldest: '1.13', env: {} })).found!.cxx11Abi).toBeNull()
})
