import { readdir, readFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import schema from '../../schema/bundle.schema.json' with { type: 'json' }
import { parseManifest } from '../../src/bundle/manifest.ts'
import { expectError } from '../expect-error.ts'
import { makeBundle } from '../make-bundle.ts'

// biome-ignore lint/suspicious/noExplicitAny: manifests are spoiled on purpose
type Loose = any

async function manifestText(change?: (manifest: Loose) => void): Promise<string> {
  return new TextDecoder().decode((await makeBundle('general', change)).get('bundle.json'))
}
const validate = new Ajv({ strict: false }).compile(schema)
const BUNDLES = new URL('../../../../examples/bundles/', import.meta.url)

describe('parseManifest', () => {
  test('takes a good one', async () => {
    const manifest = parseManifest(await manifestText())
    expect(manifest.artifacts[0]!.files[0]!.path).toBe('model.onnx')
    expect(manifest.dims.batch).toEqual({ min: 1, max: 8 })
  })
  test('passes over fields of a later minor form', async () => {
    const manifest = parseManifest(await manifestText((m) => Object.assign(m, { later: 1 })))
    expect(manifest).not.toHaveProperty('later')
  })
  test.each<[string, RegExp, (m: Loose) => void]>([
    ['another schema', /this is not a bundle's manifest/, (m) => (m.schema = 'x')],
    ['no schema', /got none/, (m) => delete m.schema],
    ['a newer major schema', /update @tensorferry\/core/, (m) => (m.schema = 'tensorferry.bundle/2')],
    ['no artifacts', /artifacts: expected/, (m) => (m.artifacts = [])],
    ['an unknown dtype', /inputs\.0\.dtype/, (m) => (m.inputs[0].dtype = 'float')],
    ['an unknown format', /artifacts\.0\.format/, (m) => (m.artifacts[0].format = 'tflite')],
    ['a short hash', /sha256/, (m) => (m.artifacts[0].files[0].sha256 = 'abc')],
    ['a negative size', /size/, (m) => (m.artifacts[0].files[0].size = -1)],
    [
      'an unknown step',
      /preprocess\.0\.steps\.0\.op/,
      (m) => (m.preprocess = [{ raw: 'x', steps: [{ op: 'blur' }], to: ['input'] }]),
    ],
    [
      'an unknown option of a step',
      /preprocess\.0\.steps\.0/,
      (m) => (m.preprocess = [{ raw: 'x', steps: [{ op: 'to_tensor', scale: 2 }], to: ['input'] }]),
    ],
    ['an input twice', /inputs: "input" stands twice/, (m) => m.inputs.push(m.inputs[0])],
    ['an artifact twice', /artifacts: "onnx" stands twice/, (m) => m.artifacts.push(m.artifacts[0])],
    ['an unbound dim', /uses size, which no input binds/, (m) => (m.outputs[0].shape = ['2*size'])],
    ['a malformed dim', /dim "2 \*\*"/, (m) => (m.outputs[0].shape = ['2 **'])],
    ['a range of no dim', /dims\.depth: no input has this dim/, (m) => (m.dims.depth = { min: 1, max: 2 })],
    ['an empty range', /max 1 is below min 4/, (m) => (m.dims.batch = { min: 4, max: 1 })],
    [
      'a state of no input',
      /states: "h" is none of/,
      (m) => (m.states = [{ input: 'h', output: 'sum', init: 'zeros' }]),
    ],
    [
      'steps to no input',
      /preprocess\.to: "x" is none of/,
      (m) => (m.preprocess = [{ raw: 'x', steps: [], to: ['x'] }]),
    ],
    [
      'steps from no output',
      /postprocess\.from: "x" is none of/,
      (m) => (m.postprocess = [{ from: ['x'], steps: [], to: 'y' }]),
    ],
    ['a golden twice', /goldens\.cases: .* stands twice/, (m) => m.goldens.cases.push(m.goldens.cases[0])],
  ])('refuses %s', async (_, message, change) => {
    const text = await manifestText(change)
    await expectError('BUNDLE_INVALID', message, () => parseManifest(text))
  })
  const LONG = 'x'.repeat(4097)
  test.each<[string, (manifest: Loose) => void]>([
    ['a line break in the name', (m) => (m.name = 'digits\nRUN rm -rf /')],
    ['an escape in the version', (m) => (m.version = '1.0\u001b[2J')],
    ['a C1 control in a label', (m) => (m.labels = ['\u009b2J'])],
    ['a line separator in a doc', (m) => (m.inputs[0].doc = 'a\u2028b')],
    ['a control character in a key', (m) => (m.producer = { 'a\u0000': '1' })],
    ['a control character where nobody looks', (m) => Object.assign(m, { later: [{ x: '\r' }] })],
    ['a long name', (m) => (m.name = LONG)],
    ['a long label', (m) => (m.labels = ['a', LONG])],
    ['a long dim', (m) => (m.outputs[0].shape = [LONG])],
    ['a long task', (m) => (m.task = LONG)],
    ['a precision of objects', (m) => (m.artifacts[0].precision = '__proto__')],
  ])('refuses %s', async (_, change) => {
    const text = await manifestText(change)
    await expectError('BUNDLE_INVALID', /expected .*texts of at most 4096 characters without control/, () =>
      parseManifest(text),
    )
  })
  test('refuses infinite numbers and a key of objects', async () => {
    const text = await manifestText((m) => (m.goldens.tolerance = { float32: { atol: 12345, rtol: 0 } }))
    for (const spoilt of [
      text.replace('12345', '1e999'),
      text.replace('12345', '-1e999'),
      text.replace('"float32":{"atol":12345', '"__proto__":{"atol":12345'),
    ]) {
      expect(spoilt).not.toBe(text)
      await expectError('BUNDLE_INVALID', /expected finite numbers/, () => parseManifest(spoilt))
    }
  })
  test.each([
    ['20,000 parentheses in a shape', (m: Loose) => (m.outputs[0].shape = ['('.repeat(20_000)])],
    ['1,000 of them, closed', (m: Loose) => (m.outputs[0].shape = [`${'('.repeat(1000)}batch${')'.repeat(1000)}`])],
    ['1,000 minus signs', (m: Loose) => (m.outputs[0].shape = [`${'-'.repeat(1000)}batch`])],
  ])('refuses %s', async (_, change) => {
    const text = await manifestText(change)
    await expectError('BUNDLE_INVALID', /too long|4096 characters/, () => parseManifest(text))
  })
  test('refuses 100,000 arrays in one another', async () => {
    const text = (await manifestText()).replace(/\}$/, `,"later":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)
    await expectError('BUNDLE_INVALID', /bundle\.json: /, () => parseManifest(text))
  })
  test.each([
    '../model.onnx',
    '/etc/passwd',
    'a/../../b',
    'C:\\model.onnx',
    'a\\b',
    'http://host/x',
    'a//b',
    '',
    'a\u0000b',
  ])('refuses the path %j', async (path) => {
    const text = await manifestText((m) => (m.artifacts[0].files[0].path = path))
    await expectError('BUNDLE_INVALID', /path|expected/, () => parseManifest(text))
  })
  test('refuses what is no JSON', async () => {
    await expectError('BUNDLE_INVALID', /an HTML page, not JSON/, () => parseManifest('<html>'))
    await expectError('BUNDLE_INVALID', /not a bundle's manifest/, () => parseManifest('null'))
  })
})

describe('the published JSON Schema', () => {
  test('accepts every committed bundle, as the parser does', async () => {
    const names = (await readdir(BUNDLES, { withFileTypes: true })).filter((entry) => entry.isDirectory())
    expect(names.length).toBeGreaterThanOrEqual(2)
    for (const { name } of names) {
      const text = await readFile(new URL(`${name}/bundle.json`, BUNDLES), 'utf8')
      expect(validate(JSON.parse(text)) || validate.errors).toBe(true)
      expect(parseManifest(text).name).toBe(name)
    }
  })
  test('refuses what the parser refuses by form', async () => {
    expect(validate(JSON.parse(await manifestText((m) => (m.artifacts = []))))).toBe(false)
    expect(validate(JSON.parse(await manifestText((m) => (m.inputs[0].dtype = 'float'))))).toBe(false)
    expect(
      validate(
        JSON.parse(await manifestText((m) => (m.preprocess = [{ raw: 'x', steps: [{ op: 'blur' }], to: ['input'] }]))),
      ),
    ).toBe(false)
  })
})
