import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { libtorch } from '@tensorferry/backend-libtorch'
import { afterAll, expect, test } from 'vitest'
import { addonPlace } from '../src/build/addon-place.ts'
import { buildAddon } from '../src/build/build-addon.ts'
import { searchLibtorch } from '../src/discovery/find-libtorch.ts'
import { debianRoot, describeWithDebian, describeWithLibtorch, libtorchRoot } from './environment.ts'
import { rejection } from './expect-error.ts'
import { onDisk } from './model-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'libtorch-build-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const cli = fileURLToPath(new URL('../bin/tensorferry-libtorch.js', import.meta.url))

function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], { env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
  })
}

describeWithLibtorch('the build command', () => {
  const emptyCache = { ...process.env, TENSORFERRY_CACHE: join(folder, 'empty') }

  test('a missing addon is an error that gives the command', async () => {
    const before = process.env.TENSORFERRY_CACHE
    process.env.TENSORFERRY_CACHE = emptyCache.TENSORFERRY_CACHE
    try {
      const backend = libtorch({ libtorch: libtorchRoot })
      const error = await rejection(
        () => backend.createSession({ artifact: onDisk('mlp-10-10.pt') }),
        'DEPENDENCY_MISSING',
      )
      const command = `npx -p @tensorferry/backend-libtorch tensorferry-libtorch build --libtorch ${JSON.stringify(libtorchRoot)}`
      expect(error.details.command).toBe(command)
      expect(error.message).toContain(command)
      const availability = await backend.probe()
      expect(availability).toMatchObject({
        available: false,
        code: 'DEPENDENCY_MISSING',
        hint: `build it once: ${command}`,
      })
      // Compiled models need none, for who trusts them.
      const trusting = libtorch({ libtorch: libtorchRoot, trust: 'native-code' })
      expect(await trusting.probe()).toEqual({ available: true })
    } finally {
      process.env.TENSORFERRY_CACHE = before
    }
  })

  test('what is built is found, and not built again', async () => {
    const { found } = await searchLibtorch({ libtorch: libtorchRoot, oldest: '1.13' })
    const { compiled, place } = await buildAddon(found!)
    expect(compiled).toBe(false)
    expect(JSON.parse(readFileSync(join(place.folder, 'build.json'), 'utf8')).libtorch.version).toBe(found!.version)
    expect(await libtorch({ libtorch: libtorchRoot }).probe()).toEqual({ available: true })
  })

  test('two builds at once leave one addon and nothing else', { timeout: 240_000 }, async () => {
    const env = { ...process.env, TENSORFERRY_CACHE: join(folder, 'at-once') }
    const { found } = await searchLibtorch({ libtorch: libtorchRoot, oldest: '1.13' })
    const ends = await Promise.all([1, 2].map(() => run(cli, ['build', '--libtorch', libtorchRoot], env)))
    expect(ends.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ])
    const place = addonPlace(found!, env)
    expect(place.built).toBe(true)
    expect(readdirSync(dirname(place.folder))).toHaveLength(1)
  })

  test('without CMake or a compiler it says how to install one, and leaves nothing', async () => {
    const env = { ...emptyCache, PATH: folder }
    const { code, stderr } = await run(cli, ['build', '--libtorch', libtorchRoot], env)
    expect(code).toBe(1)
    // pip puts CMake beside its libtorch, where it is found without a PATH.
    const hasCMake = existsSync(join(libtorchRoot, '../../../../bin/cmake'))
    expect(stderr).toMatch(
      hasCMake
        ? /^DEPENDENCY_MISSING: the build needs a C\+\+ compiler, which was not found; install it: /
        : /^DEPENDENCY_MISSING: the build needs CMake, which was not found; install it: pip install cmake/,
    )
    const left = existsSync(emptyCache.TENSORFERRY_CACHE!)
      ? readdirSync(emptyCache.TENSORFERRY_CACHE!, { recursive: true })
      : []
    expect(left.filter((name) => String(name).includes('building'))).toEqual([])
  })

  test('doctor says everything as data', async () => {
    const { code, stdout } = await run(cli, ['doctor', '--json', '--libtorch', libtorchRoot])
    expect(code).toBe(0)
    const diagnosis = JSON.parse(stdout)
    expect(diagnosis).toMatchObject({ found: { root: libtorchRoot }, addon: { built: true }, loaded: null, todo: [] })
    expect(diagnosis.aot).toMatchObject({ present: true, fits: true })
    expect(diagnosis.places).toHaveLength(1)
    const missing = await run(cli, ['doctor', '--libtorch', libtorchRoot], emptyCache)
    expect(missing.code).toBe(1)
    expect(missing.stdout).toMatch(/AOTInductor addon: ready \(.*aot\.node\)/)
    expect(missing.stdout).toMatch(/to do:\n {2}1\. build the TorchScript addon: npx -p/)
  })

  test('check runs a model, and says why a device is not there', async () => {
    const cpu = await run(cli, ['check', '--libtorch', libtorchRoot])
    expect(cpu).toMatchObject({ code: 0, stderr: '' })
    expect(cpu.stdout).toMatch(/^cpu: [\d.]+ ms a run \(libtorch .*\)\nlargest difference from cpu: 0/)
    const mps = await run(cli, ['check', '--libtorch', libtorchRoot, '--device', 'mps'])
    expect(mps.code === 0 || /^BACKEND_UNAVAILABLE: device mps is not there: libtorch /.test(mps.stderr)).toBe(true)
  })

  test.each([
    [['bild'], /unknown command "bild", did you mean build\?/],
    [['build', '--lib'], /unknown option --lib/],
    [['build', '--libtorch'], /--libtorch needs a value/],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await run(cli, args)
    expect(code).toBe(1)
    expect(stderr).toMatch(message)
  })

  test('--help', async () => {
    const { code, stdout } = await run(cli, ['--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/tensorferry-libtorch build/)
  })
})

describeWithDebian('libtorch 1.13 of a distribution', () => {
  test('check passes', async () => {
    const { code, stdout, stderr } = await run(cli, ['check', '--libtorch', debianRoot])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/libtorch 1\.13/)
  })

  test.skipIf(!libtorchRoot)('a second libtorch in one process is refused, and the first goes on', async () => {
    const program = fileURLToPath(new URL('./programs/two-versions.mjs', import.meta.url))
    for (const [first, second] of [
      [libtorchRoot, debianRoot],
      [debianRoot, libtorchRoot],
    ]) {
      const { code, stdout } = await run(program, [first!, second!])
      expect(code).toBe(0)
      const { message, ...rest } = JSON.parse(stdout)
      expect(rest).toMatchObject({ code: 'BACKEND_INCOMPATIBLE', same: true })
      expect(message).toMatch(/this process has opened the libtorch in .* and cannot open a second one/)
    }
  })
})
