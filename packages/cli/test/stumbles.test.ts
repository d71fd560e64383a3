// What people stumble over in their first hour with the command line.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { answerOf, ROOT, SAMPLES, temporaryFolder, tensorferry } from './program.ts'

const BUNDLES = join(ROOT, 'examples/bundles')
const DIGITS = join(BUNDLES, 'digits')
const MODELS = join(ROOT, 'packages/backend-onnx-node/test/fixtures')

describe('numbers that a double cannot hold', () => {
  const answerFor = async (dtype: string, json: string) => {
    const cwd = await temporaryFolder()
    await writeFile(join(cwd, 'inputs.json'), json)
    const { code, answer } = await answerOf(['run', join(MODELS, `identity-${dtype}.onnx`), 'inputs.json'], { cwd })
    return { code, ...answer.results[0] }
  }

  test('long integers reach an int64 input digit by digit', async () => {
    const { code, result } = await answerFor('int64', '{ "x": [[9007199254740993, -9223372036854775808]] }')
    expect(code).toBe(0)
    expect(JSON.stringify(result)).toContain('9007199254740993')
    expect(JSON.stringify(result)).toContain('-9223372036854775808')
  })

  test.each([
    ['int64', '[[9223372036854775808, 1]]', /x: expected a whole number of 64 bits for int64, got 9223372036854775808/],
    ['int64', '[[1e400, 1]]', /x: expected a whole number in its range for int64, got 1e400/],
    ['int32', '[[9007199254740993, 1]]', /x: expected a whole number in its range for int32, got 9007199254740993/],
    ['float32', '[[1e400, 1]]', /for float32, got 1e400/],
    ['float32', '[[-1e39, 1]]', /for float32, got -1e\+39/],
    ['float64', '[[1, 1e400]]', /for float64, got 1e400/],
    ['float16', '[[65520, 1]]', /for float16, got 65520/],
  ])('%s %s is refused by its own text', async (dtype, data, message) => {
    const { code, error } = await answerFor(dtype, `{ "x": ${data} }`)
    expect(code).toBe(1)
    expect(error).toMatchObject({ code: 'INPUT_INVALID', message: expect.stringMatching(message) })
  })

  test('on the command line too', async () => {
    const setting = await tensorferry([
      'run',
      DIGITS,
      '-b',
      'onnx-node',
      '--backend-option',
      'threads=9007199254740993',
      'a.png',
    ])
    expect(setting.code).toBe(2)
    expect(setting.stderr).toMatch(/threads: expected a number up to 2\^53, got 9007199254740993/)
    const threads = await tensorferry(['run', DIGITS, '--threads', '9007199254740993', 'a.png'])
    expect(threads.code).toBe(2)
    expect(threads.stderr).toContain('9007199254740993')
    const size = await tensorferry(['bench', join(MODELS, 'mlp-10-10.onnx'), '--dim', 'batch=1e400'])
    expect(size.code).toBe(2)
    expect(size.stderr).toContain('batch=1e400')
  })
})

test('types keeps the file of another bundle', async () => {
  const cwd = await temporaryFolder()
  await tensorferry(['types', DIGITS], { cwd })
  const before = await readFile(join(cwd, 'model.d.ts'), 'utf8')
  const other = join(BUNDLES, 'super-resolution-x3')
  const refused = await tensorferry(['types', other], { cwd })
  expect(refused.code).toBe(2)
  expect(refused.stderr).toMatch(/holds the types of the bundle digits; .*--out super-resolution-x3\.d\.ts, or --force/)
  expect(await readFile(join(cwd, 'model.d.ts'), 'utf8')).toBe(before)
  expect(await tensorferry(['types', other, '--force'], { cwd })).toMatchObject({ code: 0 })
})

test('inspect of a broken model blames the backends that read it', async () => {
  const cwd = await temporaryFolder()
  const { answer } = await answerOf(['inspect', join(MODELS, 'contradiction.onnx')], { cwd })
  expect(answer.unopened).toMatch(/^onnx-node: .*contradicts itself: .*Incompatible dimensions/)
  expect(answer.unopened).not.toMatch(/libtorch|remote/)
})

describe('doctor and other people’s backends', () => {
  const BACKEND = `export default () => ({ apiVersion: 1, name: 'theirs', formats: [], probe: async () => ({ available: true }), createSession: async () => ({}) })`

  test('those that declare themselves, those of a scope, and those of the config are listed', async () => {
    const cwd = await temporaryFolder()
    const put = async (name: string, manifest: object) => {
      const folder = join(cwd, 'node_modules', name)
      await mkdir(folder, { recursive: true })
      await writeFile(
        join(folder, 'package.json'),
        JSON.stringify({ name, version: '3.2.1', type: 'module', exports: './index.js', ...manifest }),
      )
      await writeFile(join(folder, 'index.js'), BACKEND)
    }
    await put('npu-runner', { keywords: ['tensorferry-backend'] })
    await put('@acme/tensorferry-backend-npu', {})
    await put('left-pad', {})
    await writeFile(join(cwd, 'package.json'), JSON.stringify({ dependencies: { 'npu-runner': '*', 'left-pad': '*' } }))
    await writeFile(join(cwd, 'own.mjs'), BACKEND)
    await writeFile(
      join(cwd, 'tensorferry.config.json'),
      JSON.stringify({ backends: ['./own.mjs', 'backend-that-is-gone'] }),
    )
    const { answer } = await answerOf(['doctor'], { cwd })
    const found = answer.backends.map(({ package: name, installed }: { package: string; installed: boolean }) => [
      name,
      installed,
    ])
    expect(found).toEqual(
      expect.arrayContaining([
        ['npu-runner', true],
        ['@acme/tensorferry-backend-npu', true],
        ['./own.mjs', true],
      ]),
    )
    expect(
      found.some(([name, installed]: [string, boolean]) => name.includes('backend-that-is-gone') && !installed),
    ).toBe(true)
    expect(JSON.stringify(found)).not.toContain('left-pad')
  })
})

describe('a turn in a picture’s EXIF', () => {
  test('is told, and --upright applies it', async () => {
    const cwd = await temporaryFolder()
    const upright = sharp(join(SAMPLES, '7.png'))
    // Stored lying on its side; orientation 6 says to turn it by 90 degrees.
    await upright.clone().rotate(270).withMetadata({ orientation: 6 }).png().toFile(join(cwd, 'lying.png'))
    const scores = async (...args: string[]) => (await answerOf(['run', DIGITS, ...args], { cwd })).answer
    const expected = await scores(join(SAMPLES, '7.png'))
    const told = await tensorferry(['run', DIGITS, 'lying.png'], { cwd })
    expect(told.stderr).toMatch(/warning: .*EXIF orientation 6.*--upright/)
    const ignored = await scores('lying.png')
    expect(ignored.warnings).toEqual([expect.stringContaining('EXIF orientation 6')])
    const applied = await scores('lying.png', '--upright')
    expect(applied.warnings).toEqual([])
    expect(applied.results[0].result).toEqual(expected.results[0].result)
    expect(ignored.results[0].result).not.toEqual(expected.results[0].result)
  })
})
