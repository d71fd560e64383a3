import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { libtorch } from '@tensorferry/backend-libtorch'
import { type Artifact, sourceFromBytes } from '@tensorferry/core'
import { describe, expect, test } from 'vitest'
import { readAotMetadata } from '../../src/aot/aot-metadata.ts'
import { type Machine, thisMachine } from '../../src/aot/machine.ts'
import { openAotAddon } from '../../src/aot/open-addon.ts'
import { requireMachine } from '../../src/aot/require-machine.ts'
import { isaFeatures, switchFeatures } from '../../src/aot/required-features.ts'
import { mapError } from '../../src/map-error.ts'
import { debianRoot, describeWithPackages, libtorchRoot } from '../environment.ts'
import { rejection } from '../expect-error.ts'
import { fixturePath } from '../model-file.ts'
import { readEntries, writeZip } from '../programs/mutate.mjs'
import { goldenOf, loadPackage, named, packageOf, packageOnDisk, packagePath, trusting } from './package-file.ts'

const create = (artifact: Artifact) => trusting().createSession({ artifact })

/** The package with its own metadata changed, and checksums that are right. */
function relabelled(name: string, changes: Readonly<Record<string, string>>): Artifact {
  return packageOf(() =>
    writeZip(
      readEntries(readFileSync(packagePath(name))).map(({ name: entry, content }) => {
        if (!entry.endsWith('wrapper_metadata.json')) return { name: entry, content }
        const values = JSON.parse(new TextDecoder().decode(content)) as object
        return { name: entry, content: Buffer.from(JSON.stringify({ ...values, ...changes })) }
      }),
    ),
  )
}

describeWithPackages('trust', () => {
  test('a package runs for nobody who has not said so, whatever its manifest says', async () => {
    const { files, ...artifact } = packageOnDisk('mlp')
    const sha256 = createHash('sha256')
      .update(readFileSync(packagePath('mlp')))
      .digest('hex')
    const backend = libtorch({ libtorch: libtorchRoot })
    const vouched = { ...artifact, files: [{ ...files[0], sha256 }] } as const
    const error = await rejection(() => backend.createSession({ artifact: vouched }), 'UNTRUSTED_CODE')
    expect(error.message).toMatch(/is native code, .* pass trust: 'native-code', or trust: \{ sha256 \}/)
  })

  test('a pinned sha256 lets that file run, and no other', async () => {
    const sha256 = createHash('sha256')
      .update(readFileSync(packagePath('mlp')))
      .digest('hex')
    const trust = { sha256: ['0'.repeat(64), sha256.toUpperCase()] }
    const session = await loadPackage('mlp', { trust })
    await session.dispose()
    const error = await rejection(() => loadPackage('mlp-frozen', { trust }), 'UNTRUSTED_CODE')
    expect(error.details).toMatchObject({ pinned: ['0'.repeat(64), sha256] })
    expect(error.message).toContain(String(error.details.sha256))
  })

  test('compiled models come first for a caller who trusts them', () => {
    expect(libtorch().formats).toEqual(['torchscript', 'aot-inductor'])
    expect(libtorch({ trust: 'native-code' }).formats).toEqual(['aot-inductor', 'torchscript'])
    expect(libtorch({ trust: 'native-code', device: 'cuda' }).formats).toEqual(['torchscript', 'aot-inductor'])
  })
})

describeWithPackages('what this machine cannot run is refused before any of it is loaded', () => {
  test.each<[string, Record<string, string>, RegExp]>([
    ['another system', { AOTI_PLATFORM: 'win32' }, /needs the platform win32, here is linux; .*tensorferry aoti/],
    ['vector instructions', { AOTI_CPU_ISA: 'AVX1024 AVX2' }, /needs a CPU with avx1024, here is one without/],
    ['a GPU', { AOTI_DEVICE_KEY: 'cuda' }, /was compiled for cuda, and this backend runs compiled models on the CPU/],
  ])('%s', async (_, changes, message) => {
    if (process.platform !== 'linux') return
    const error = await rejection(() => create(relabelled('mlp', changes)), 'BACKEND_INCOMPATIBLE')
    expect(error.message).toMatch(message)
  })

  test('the library itself says which machine it is for, not the label alone', async () => {
    const { elf, machine, features } = await readAotMetadata(sourceFromBytes(readFileSync(packagePath('mlp'))))
    expect(elf?.machine).toBe(thisMachine().machine)
    expect(elf?.machine).toBe(machine)
    // Switches that -march=native stands for are in no metadata.
    if (process.arch === 'x64') expect(features).toEqual(expect.arrayContaining(['bmi2', 'avx2', 'fma']))
    const portable = await readAotMetadata(sourceFromBytes(readFileSync(packagePath('mlp-x86-64-v3'))))
    if (process.arch === 'x64') expect(portable.features.some((feature) => feature.startsWith('avx512'))).toBe(false)
  })

  test('another machine, a lesser CPU, one that does not tell', async () => {
    const metadata = await readAotMetadata(sourceFromBytes(readFileSync(packagePath('mlp-x86-64-v3'))))
    if (process.arch !== 'x64') return
    const machine: Machine = { ...thisMachine(), features: new Set(metadata.features) }
    requireMachine(metadata, machine, 'cpu')
    requireMachine(metadata, { ...machine, features: null }, 'cpu')
    const lesser = new Set(metadata.features.filter((feature) => feature !== 'avx2' && feature !== 'fma'))
    expect(() => requireMachine(metadata, { ...machine, features: lesser }, 'cpu')).toThrow(
      /a CPU with avx2, fma, here is one without/,
    )
    expect(() => requireMachine(metadata, { ...machine, machine: 'aarch64' }, 'cpu')).toThrow(
      /needs the machine x86_64, here is aarch64/,
    )
    expect(() => requireMachine(metadata, machine, 'cuda:1')).toThrow(
      /compiled for the CPU, the option device is cuda:1/,
    )
  })

  test('another torch, or a libtorch without the C interface', async () => {
    const artifact = { ...packageOnDisk('mlp'), requires: { torch: '==99.1' } }
    expect((await rejection(() => create(artifact), 'BACKEND_INCOMPATIBLE')).message).toMatch(/needs torch ==99.1/)
    if (!debianRoot) return
    const old = libtorch({ libtorch: debianRoot, trust: 'native-code' })
    const error = await rejection(() => old.createSession({ artifact: packageOnDisk('mlp') }), 'BACKEND_UNAVAILABLE')
    expect(error.message).toMatch(/libtorch 1\.13.* is older than 2\.6/)
  })

  test('a machine without a prebuilt addon', () => {
    expect(() => openAotAddon('linux-riscv64')).toThrow(
      /the AOTInductor addon is not there for linux-riscv64, only for .*linux-x64.*; use TorchScript/,
    )
  })

  test.each<[string, string, RegExp]>([
    ['eigenvalues', 'BACKEND_INCOMPATIBLE', /calls aten::_linalg_eigh through libtorch's C\+\+ interface/],
    ['channels-last', 'BACKEND_INCOMPATIBLE', /in another order in memory than row-major/],
    ['weights-missing', 'FORMAT_UNSUPPORTED', /weights/],
  ])('%s', async (name, code, message) => {
    expect((await rejection(() => loadPackage(name), code as 'FORMAT_UNSUPPORTED')).message).toMatch(message)
  })
})

describeWithPackages('files that are refused', () => {
  test('a torch.export program, and how it becomes a package', async () => {
    const error = await rejection(
      () => create(packageOf(() => readFileSync(packagePath('program')))),
      'FORMAT_UNSUPPORTED',
    )
    expect(error.message).toMatch(
      /a torch.export program \(\.pt2\), which only Python reads; .*compile it with python -m tensorferry aoti/,
    )
  })

  test('TorchScript under this name, and a package under TorchScript’s', async () => {
    const script = packageOf(() => readFileSync(fixturePath('mlp-10-10.pt')))
    expect((await rejection(() => create(script), 'FORMAT_UNSUPPORTED')).message).toMatch(/is a TorchScript model/)
    const artifact: Artifact = { ...packageOnDisk('mlp'), format: 'torchscript' }
    expect((await rejection(() => create(artifact), 'FORMAT_UNSUPPORTED')).message).toMatch(/is an AOTInductor model/)
  })

  test('one bit of the library', async () => {
    const bytes = Buffer.from(readFileSync(packagePath('mlp')))
    bytes[Math.floor(bytes.length / 2)]! ^= 1
    expect((await rejection(() => create(packageOf(() => bytes)), 'FORMAT_UNSUPPORTED')).message).toMatch(
      /is damaged: .* differs from its checksum/,
    )
  })

  test('two models in one file, or none', async () => {
    const entries = readEntries(readFileSync(packagePath('mlp')))
    const second = entries.map(({ name, content }) => ({ name: name.replace('/model/', '/other/'), content }))
    const twice = [...entries, ...second.filter(({ name }) => name.includes('/other/'))]
    const error = await rejection(() => create(packageOf(() => writeZip(twice))), 'FORMAT_UNSUPPORTED')
    expect(error.details).toMatchObject({ models: ['model', 'other'] })
    const none = entries.filter(({ name }) => !name.endsWith('.so'))
    expect((await rejection(() => create(packageOf(() => writeZip(none))), 'FORMAT_UNSUPPORTED')).message).toMatch(
      /without the compiled library/,
    )
  })

  test('a cache folder that cannot be written', async () => {
    const before = process.env.TENSORFERRY_CACHE
    process.env.TENSORFERRY_CACHE = fixturePath('mlp-10-10.pt')
    try {
      const error = await rejection(() => loadPackage('mlp'), 'BACKEND_UNAVAILABLE')
      expect(error.message).toMatch(/set TENSORFERRY_CACHE/)
    } finally {
      process.env.TENSORFERRY_CACHE = before
    }
  })

  test('nothing stays in the cache folder: after a session, after a failure, after an abort', async () => {
    const before = process.env.TENSORFERRY_CACHE
    const folder = mkdtempSync(join(tmpdir(), 'aot-cache-'))
    process.env.TENSORFERRY_CACHE = folder
    try {
      const [first, second] = [await loadPackage('weights-beside'), await loadPackage('weights-beside')]
      expect(readdirSync(join(folder, 'aot'))).toHaveLength(2)
      await first.dispose()
      const { inputs } = goldenOf('weights-beside', 0)
      await second.run(named(second, inputs))
      expect(readdirSync(join(folder, 'aot'))).toHaveLength(2)
      await second.dispose()
      expect(readdirSync(join(folder, 'aot'))).toEqual([])

      await rejection(() => loadPackage('weights-missing'), 'FORMAT_UNSUPPORTED')
      expect(readdirSync(join(folder, 'aot'))).toEqual([])
    } finally {
      process.env.TENSORFERRY_CACHE = before
      rmSync(folder, { recursive: true })
    }
  })
})

describe('instructions', () => {
  test('torch’s names', () => {
    expect(isaFeatures('AVX2')).toEqual(['avx2', 'fma', 'f16c'])
    expect(isaFeatures('INVALID_VEC_ISA')).toEqual([])
    expect(isaFeatures(null)).toEqual([])
    expect(isaFeatures('ASIMD')).toEqual(['asimd'])
  })

  test('a compiler’s switches, the last of which counts', () => {
    expect(switchFeatures('GNU C++20 12.2.0 -mavx2 -mno-avx512fp16 -mavx512fp16 -mno-avx2 -O3')).toEqual([
      'avx512_fp16',
    ])
    expect(switchFeatures('g++ -march=x86-64-v2 -O3')).toEqual(['pni', 'ssse3', 'sse4_1', 'sse4_2', 'popcnt', 'cx16'])
    expect(switchFeatures('GNU C++20 -mcpu=neoverse-v1+sve+bf16 -O3')).toEqual(['sve', 'bf16'])
    expect(switchFeatures('clang version 15')).toEqual([])
  })
})

describe('texts of the addon', () => {
  test.each<[string, string, string, RegExp]>([
    [
      'MODEL_LIBRARY',
      '/c/x.so: undefined symbol: aoti_torch_cpu_new',
      'BACKEND_INCOMPATIBLE',
      /needs aoti_torch_cpu_new/,
    ],
    [
      'MODEL_LIBRARY',
      'libmkl.so.2: cannot open shared object file: No such file',
      'BACKEND_INCOMPATIBLE',
      /libmkl\.so\.2/,
    ],
    ['MODEL_LIBRARY', '/c/x.so: failed to map segment from shared object', 'BACKEND_UNAVAILABLE', /noexec/],
    ['MODEL_LIBRARY', '/c/x.so: invalid ELF header', 'FORMAT_UNSUPPORTED', /invalid ELF header; compile it again/],
    ['LIBTORCH', 'libgomp.so.1: cannot open shared object file', 'BACKEND_UNAVAILABLE', /libtorch could not be opened/],
    ['LIBTORCH_TOO_OLD', 'this libtorch has no aoti_torch_get_dim', 'BACKEND_INCOMPATIBLE', /torch 2\.6 or newer/],
    [
      'NOT_A_MODEL',
      "the model's library has no AOTInductorModelContainerRun",
      'FORMAT_UNSUPPORTED',
      /not a compiled model/,
    ],
    ['STOPPED', 'the session has been stopped', 'SESSION_DISPOSED', /stopped/],
  ])('%s: %s', (kind, text, code, message) => {
    const error = mapError(Object.assign(new Error(text), { kind }), 'load')
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })
})
