import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { doctor, formatDiagnosis, libtorch } from '@tensorferry/backend-libtorch'
import type { Artifact } from '@tensorferry/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithPackages, libtorchRoot } from '../environment.ts'
import { rejection } from '../expect-error.ts'
import { smallLibrary } from '../operator-library.ts'
import { readEntries, writeZip } from '../programs/mutate.mjs'
import {
  expectSame,
  goldenOf,
  inOrder,
  named,
  packageOf,
  packageOnDisk,
  packagePath,
  trusting,
} from './package-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'aot-trial-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A compiled model's entries, by the names that the addon looks up; its run is an instruction that no CPU has. */
const FAULTY = `
#include <cstddef>
extern "C" {
int AOTInductorModelContainerCreate(void** container, size_t, bool, const char*) { static int one; *container = &one; return 0; }
int AOTInductorModelContainerDelete(void*) { return 0; }
int AOTInductorModelContainerGetNumInputs(void*, size_t* count) { *count = 1; return 0; }
int AOTInductorModelContainerGetNumOutputs(void*, size_t* count) { *count = 1; return 0; }
int AOTInductorModelContainerGetNumConstants(void*, size_t* count) { *count = 0; return 0; }
int AOTInductorModelContainerRun(void*, void**, size_t, void**, size_t, void*, void*) { __builtin_trap(); }
}
`

/** The test machine's libtorch under a name that says it is built for CUDA: no file of it is another. */
function cudaRoot(): string {
  const root = join(folder, 'torch')
  mkdirSync(root)
  symlinkSync(join(libtorchRoot, 'lib'), join(root, 'lib'))
  writeFileSync(join(root, 'version.py'), "__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n")
  return root
}

const hasDriver = existsSync('/proc/driver/nvidia/version')
const ENDED =
  /^the compiled model ended the process that it was tried in \(SIG(ILL|TRAP)\), and would have ended this one; /

describeWithPackages('a compiled model that faults', () => {
  let faulty: Artifact
  let path: string
  let root: string
  const before = process.env.TENSORFERRY_CACHE

  beforeAll(async () => {
    const library = readFileSync(await smallLibrary(folder, 'faulty', FAULTY))
    const entries = readEntries(readFileSync(packagePath('mlp')))
    path = join(folder, 'faulty.pt2')
    writeFileSync(
      path,
      writeZip(entries.map(({ name, content }) => ({ name, content: name.endsWith('.so') ? library : content }))),
    )
    faulty = packageOf(() => readFileSync(path), 'faulty.pt2')
    root = cudaRoot()
    process.env.TENSORFERRY_CACHE = join(folder, 'cache')
  })
  afterAll(() => {
    process.env.TENSORFERRY_CACHE = before
  })

  test('ends a process that runs it untried', async () => {
    const code = `
      import { doctor, formatDiagnosis, libtorch } from '@tensorferry/backend-libtorch'
      import { readFileSync } from 'node:fs'
      const [path, root] = process.argv.slice(1)
      const file = { path: 'faulty.pt2', size: null, sha256: null, bytes: async () => Uint8Array.from(readFileSync(path)) }
      const artifact = { name: 'aot', format: 'aot-inductor', files: [file], requires: {} }
      await libtorch({ libtorch: root, trust: 'native-code', trial: false }).createSession({ artifact })
    `
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const signal = await new Promise((resolve) => {
      const child = execFile(process.execPath, ['--input-type=module', '-e', code, path, libtorchRoot], { cwd }, () =>
        resolve(child.signalCode),
      )
    })
    expect(signal).toMatch(/^SIG(ILL|TRAP)$/)
  })

  test('is an error where it is tried first, each time', async () => {
    for (let time = 0; time < 2; time++) {
      const error = await rejection(
        () => trusting({ trial: true }).createSession({ artifact: faulty }),
        'BACKEND_UNAVAILABLE',
      )
      expect(error.message).toMatch(ENDED)
      expect(error.message).toMatch(/compile it again on this machine, .* or use TorchScript$/)
    }
    // Nothing of it stays, and no note that it went well.
    expect(readdirSync(join(folder, 'cache', 'aot'))).toEqual([])
    expect(existsSync(join(folder, 'cache', 'tried'))).toBe(false)
  })

  test.skipIf(hasDriver)(
    'a libtorch for CUDA without a driver: it is tried unasked, and the error says what to install',
    async () => {
      const backend = libtorch({ libtorch: root, threads: 1, trust: 'native-code' })
      const error = await rejection(() => backend.createSession({ artifact: faulty }), 'BACKEND_UNAVAILABLE')
      expect(error.message).toMatch(ENDED)
      expect(error.message).toMatch(
        /libtorch 2\.13\.0\+cu130 is built for CUDA 13\.0, and this machine has no NVIDIA driver: install PyTorch's CPU build \(pip install torch --index-url https:\/\/download\.pytorch\.org\/whl\/cpu\)/,
      )
      expect(error.details).toMatchObject({ cuda: '13.0' })
    },
  )

  test.skipIf(hasDriver)('doctor says so', async () => {
    expect(formatDiagnosis(await doctor({ libtorch: root }))).toMatch(
      /AOTInductor addon: ready \(.*\); built for CUDA, and no NVIDIA driver here: each compiled model is tried/,
    )
  })

  test.skipIf(hasDriver)('what goes well there runs, and is tried once', async () => {
    const backend = libtorch({ libtorch: root, threads: 1, trust: 'native-code' })
    const { inputs } = goldenOf('mlp', 0)
    const untried = await trusting({ trial: false }).createSession({ artifact: packageOnDisk('mlp') })
    const expected = inOrder(await untried.run(named(untried, inputs)))
    await untried.dispose()
    for (let time = 0; time < 2; time++) {
      const session = await backend.createSession({ artifact: packageOnDisk('mlp') })
      expectSame(inOrder(await session.run(named(session, inputs))), expected)
      await session.dispose()
      expect(readdirSync(join(folder, 'cache', 'tried'))).toHaveLength(1)
    }
  })
})
