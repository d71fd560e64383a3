import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Backend } from '../src/backend.ts'
import type { ErrorCode } from '../src/errors.ts'
import { installAdvice } from '../src/known-backends.ts'
import { loadModel } from '../src/load.ts'
import { formatReport } from '../src/report.ts'
import type { BackendEntry } from '../src/select.ts'
import { tensor } from '../src/tensor.ts'
import { referenceBackend, referenceFixtures } from '../src/testing/index.ts'
import { expectError } from './expect-error.ts'
import { makeBundle, temporaryFolder } from './make-bundle.ts'

const good = referenceBackend()
const named = (name: string, change: Partial<Backend> = {}): Backend => ({ ...good, name, ...change })
const missing = named('missing', {
  probe: async () => ({ available: false, code: 'BACKEND_UNAVAILABLE', reason: 'no driver', hint: 'install one' }),
})
/** Gives numbers that are off by a thousandth: what a faulty provider looks like. */
const wrong = named('wrong', {
  async createSession(source, options) {
    const session = await good.createSession(source, options)
    return {
      ...session,
      async run(inputs, runOptions) {
        const outputs = await session.run(inputs, runOptions)
        return {
          ...outputs,
          sum: tensor(
            'float32',
            (outputs.sum!.data as Float32Array).map((value) => value + 1e-3),
            outputs.sum!.shape,
          ),
        }
      },
    }
  },
})

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('one backend', () => {
  test('that cannot work: its own error with the hint', async () => {
    const files = await makeBundle()
    const error = await expectError('BACKEND_UNAVAILABLE', /missing: no driver; install one/, () =>
      loadModel(files, { backend: missing }),
    )
    expect(error.details).toMatchObject({ reason: 'no driver', hint: 'install one' })
  })
  test('that gives wrong numbers is refused like one that is missing', async () => {
    const files = await makeBundle()
    const error = await expectError(
      'VERIFICATION_FAILED',
      /golden 2x4, output sum: 4 of 8 elements are off, the worst at/,
      () => loadModel(files, { backend: wrong }),
    )
    expect(error.details.maxAbs).toBeCloseTo(1e-3, 5)
  })
  test('verify: off loads it all the same', async () => {
    await using model = await loadModel(await makeBundle(), { backend: wrong, verify: 'off' })
    expect(model.report.verify).toEqual({ mode: 'off', cases: [], skipped: 'switched off' })
  })
  test('that reads no such format', async () => {
    const files = await makeBundle()
    await expectError('FORMAT_UNSUPPORTED', /t reads torchscript; the bundle holds onnx \(onnx\)/, () =>
      loadModel(files, { backend: named('t', { formats: ['torchscript'] }) }),
    )
  })
  test('of another API version', async () => {
    const files = await makeBundle()
    await expectError('BACKEND_INCOMPATIBLE', /speaks backend API 2/, () =>
      loadModel(files, { backend: named('old', { apiVersion: 2 as 1 }) }),
    )
  })
  test('a factory that was not called', async () => {
    const files = await makeBundle()
    await expectError('OPTIONS_INVALID', /a factory must be called/, () =>
      loadModel(files, { backend: referenceBackend as never }),
    )
  })
  test('a named artifact', async () => {
    const files = await makeBundle()
    await using model = await loadModel(files, { backend: good, artifact: 'onnx' })
    expect(model.report.artifact?.name).toBe('onnx')
    await expectError('NOT_FOUND', /no artifact "onnx-fp16"; there are: onnx \(onnx\)/, () =>
      loadModel(files, { backend: good, artifact: 'onnx-fp16' }),
    )
  })
})

describe('a list', () => {
  test('is tried in order, and the report says why each was refused', async () => {
    await using model = await loadModel(await makeBundle(), {
      backend: [missing, wrong, named('second'), named('third')],
    })
    expect(model.report.attempts.map(({ backend, outcome, stage, code }) => [backend, outcome, stage, code])).toEqual([
      ['missing', 'refused', 'probe', 'BACKEND_UNAVAILABLE'],
      ['wrong', 'refused', 'verify', 'VERIFICATION_FAILED'],
      ['second', 'chosen', 'verify', null],
    ])
    expect(model.report.backend).toBe('second')
    const text = formatReport(model.report)
    expect(text).toContain('refused   missing at probe: BACKEND_UNAVAILABLE: no driver\n          install one')
    expect(text).toMatch(/backend {3}second, asked for by options/)
  })
  test('the providers that the one backend passed over are told too', async () => {
    const refused = [{ provider: 'webgpu', reason: 'no adapter' }]
    const choosy = named('choosy', {
      async createSession(source, options) {
        const session = await referenceBackend().createSession(source, options)
        return { ...session, runtime: { ...session.runtime, refused } }
      },
    })
    await using model = await loadModel(await makeBundle(), { backend: choosy })
    expect(model.report.runtime.refused).toEqual(refused)
    expect(formatReport(model.report).split('\n')).toContain('refused   provider webgpu: no adapter')
  })
  test('of which none works names every reason', async () => {
    const files = await makeBundle()
    const error = await expectError(
      'BACKEND_UNAVAILABLE',
      /none of 2 backends can be used:\n- missing at probe: .*no driver; install one\n- wrong at verify/,
      () => loadModel(files, { backend: [missing, wrong] }),
    )
    expect(error.details.attempts).toHaveLength(2)
  })
  test('that is empty', async () => {
    await expectError('OPTIONS_INVALID', /empty list/, () => loadModel('/x', { backend: [] }))
  })
  test('refused sessions are disposed', async () => {
    const dispose = vi.fn()
    const counted = named('counted', {
      async createSession(source, options) {
        const session = await wrong.createSession(source, options)
        return {
          ...session,
          dispose: async () => {
            dispose()
            await session.dispose()
          },
        }
      },
    })
    await using _ = await loadModel(await makeBundle(), { backend: [counted, good] })
    expect(dispose).toHaveBeenCalledOnce()
  })
  test('an abort is not a reason to try the next one', async () => {
    const controller = new AbortController()
    const slow = named('slow', {
      probe: () => {
        controller.abort()
        return new Promise(() => undefined)
      },
    })
    const files = await makeBundle()
    await expectError('ABORTED', /aborted/, () =>
      loadModel(files, { backend: [slow, good], signal: controller.signal }),
    )
  })
})

/** An app folder with a backend package in its node_modules, as the working folder. */
async function appWithBackend(source: string): Promise<string> {
  const folder = await temporaryFolder()
  const packageFolder = join(folder, 'node_modules', 'my-backend')
  await mkdir(packageFolder, { recursive: true })
  await writeFile(join(packageFolder, 'package.json'), '{"name":"my-backend","type":"module","exports":"./index.js"}')
  await writeFile(join(packageFolder, 'index.js'), source)
  const before = process.cwd()
  const script = process.argv[1]!
  process.chdir(folder)
  // Names are looked for from the script's folder too, which is the test runner's.
  process.argv[1] = join(folder, 'main.js')
  onTestFinished(() => {
    process.chdir(before)
    process.argv[1] = script
  })
  return folder
}
const PACKAGE = `export default (options = {}) => globalThis.testBackend(options)`

function provideBackend(): Record<string, unknown>[] {
  const seen: Record<string, unknown>[] = []
  vi.stubGlobal('testBackend', (options: Record<string, unknown>) => {
    seen.push(options)
    return good
  })
  onTestFinished(() => void vi.unstubAllGlobals())
  return seen
}

describe('by name', () => {
  test('from the app’s folder, with options', async () => {
    await appWithBackend(PACKAGE)
    const seen = provideBackend()
    const files = await makeBundle()
    await (await loadModel(files, { backend: 'my-backend' })).dispose()
    await (await loadModel(files, { backend: ['my-backend', { threads: 2 }] })).dispose()
    await (await loadModel(files, { backend: ['nothing-here', 'my-backend'] })).dispose()
    expect(seen).toEqual([{}, { threads: 2 }, {}])
  })
  test('that is not installed says how to install it', async () => {
    const folder = await appWithBackend(PACKAGE)
    const files = await makeBundle()
    const error = await expectError('BACKEND_NOT_INSTALLED', new RegExp(`looked from ${folder}.*somebody else`), () =>
      loadModel(files, { backend: 'nothing-here' }),
    )
    expect(error.message).not.toContain('npm install nothing-here')
  })
  test('that fails to load, or is no backend', async () => {
    await appWithBackend(`throw new Error('no such symbol')`)
    const files = await makeBundle()
    await expectError('BACKEND_UNAVAILABLE', /my-backend is installed and fails to load: no such symbol/, () =>
      loadModel(files, { backend: 'my-backend' }),
    )
    await appWithBackend('export default 1')
    await expectError(
      'BACKEND_INCOMPATIBLE',
      /my-backend is not a Tensorferry backend: its default export is 1, not a factory/,
      () => loadModel(files, { backend: 'my-backend' }),
    )
  })
  test('from TENSORFERRY_BACKEND', async () => {
    await appWithBackend(PACKAGE)
    provideBackend()
    vi.stubEnv('TENSORFERRY_BACKEND', 'nothing-here, my-backend')
    await using model = await loadModel(await makeBundle())
    expect(model.report.chosenBy).toBe('TENSORFERRY_BACKEND')
    expect(model.report.attempts.map(({ stage }) => stage)).toEqual(['resolve', 'verify'])
  })
  test('from the nearest tensorferry.config.json upwards, resolved from its folder', async () => {
    const folder = await appWithBackend(PACKAGE)
    const seen = provideBackend()
    await writeFile(
      join(folder, 'tensorferry.config.json'),
      '{"backends":[["my-backend",{"threads":1}]],"verify":"full"}',
    )
    await mkdir(join(folder, 'deep', 'down'), { recursive: true })
    process.chdir(join(folder, 'deep', 'down'))
    await using model = await loadModel(await makeBundle())
    expect(model.report.chosenBy).toBe(join(folder, 'tensorferry.config.json'))
    expect(model.report.package).toBe('my-backend')
    expect(formatReport(model.report)).toContain('backend   reference (my-backend), asked for by ')
    expect(model.report.verify.mode).toBe('full')
    expect(seen).toEqual([{ threads: 1 }])
  })
  test.each([
    ['{', /not JSON/],
    ['{"backends":[]}', /backends: expected/],
    [
      '{"backend":"x"}',
      /unknown key 'backend', did you mean 'backends'\? Known keys: \$schema, backends, verify; expected such as/,
    ],
    ['{"backends":["x"],"verfy":"full"}', /unknown key 'verfy', did you mean 'verify'\?/],
    ['["x"]', /expected an object, got an Array/],
    ['{"backends":[["x",1]]}', /backends\.0: expected a package name, \[name\] or \[name, \{ options \}\]/],
    ['{}', /backends is missing/],
    ['{"backends":["x"],"verify":"sometimes"}', /verify: expected/],
  ])('a config file with %s is refused', async (text, message) => {
    const folder = await appWithBackend(PACKAGE)
    await writeFile(join(folder, 'tensorferry.config.json'), text)
    const files = await makeBundle()
    await expectError('OPTIONS_INVALID', message, () => loadModel(files))
  })
  test('nothing chosen lists how to', async () => {
    const folder = await temporaryFolder()
    const before = process.cwd()
    process.chdir(folder)
    onTestFinished(() => process.chdir(before))
    const files = await makeBundle()
    await expectError(
      'BACKEND_NOT_INSTALLED',
      /TENSORFERRY_BACKEND.*tensorferry\.config\.json.*npm install @tensorferry\/backend-onnx-node/,
      () => loadModel(files),
    )
  })
})

test('a backend that needs no file is loaded without a source; the signature is its own', async () => {
  const { artifact, goldens, signature } = await referenceFixtures.find(({ name }) => name === 'general')!.load()
  const server = named('server', {
    formats: [],
    createSession: (_, options) => good.createSession({ artifact, signature }, options),
  })
  await using model = await loadModel({ backend: server })
  expect(model.inputs).toEqual(signature.inputs)
  expect(model.signature).toEqual({ dims: {}, inputs: signature.inputs, outputs: signature.outputs, states: [] })
  expect(model.manifest).toBeNull()
  expect(model.report).toMatchObject({ source: 'server', bundle: null, artifact: null })
  expect(await model.run(goldens[0]!.inputs)).toEqual(goldens[0]!.outputs)
  await expectError('OPTIONS_INVALID', /predict: the model is what server has, .*load it with its bundle/, () =>
    model.predict(new Uint8Array(1)),
  )
  await expectError('FORMAT_UNSUPPORTED', /reference reads onnx; no source was given/, () =>
    loadModel({ backend: good }),
  )
})

describe('by a name that is wrong', () => {
  const refused = async (backend: BackendEntry, code: ErrorCode, message: RegExp) => {
    const files = await makeBundle()
    return expectError(code, message, () => loadModel(files, { backend }))
  }
  test('a package that is no backend: what it exports, and what a backend does', async () => {
    await appWithBackend('export const decode = () => 0')
    await refused(
      'my-backend',
      'BACKEND_INCOMPATIBLE',
      /it exports decode and no default; expected a default export that/,
    )
    await appWithBackend('export default class Decoder { constructor() { this.x = 1 } }')
    await refused(
      'my-backend',
      'BACKEND_INCOMPATIBLE',
      /called as a factory, threw TypeError: Class constructor Decoder/,
    )
    await appWithBackend('export default () => ({ apiVersion: 1, name: "half", createSession() {} })')
    await refused(
      'my-backend',
      'BACKEND_INCOMPATIBLE',
      /returned an object with apiVersion, name, createSession; expected .*probe\(\)/,
    )
    await appWithBackend('export default () => ({ apiVersion: 3, name: "next" })')
    await refused('my-backend', 'BACKEND_INCOMPATIBLE', /my-backend: speaks backend API 3, this .* speaks 1/)
    await refused('node:fs', 'BACKEND_INCOMPATIBLE', /a module of Node/)
  })
  test('sharp, a real package', async () => {
    await refused(
      'sharp',
      'BACKEND_INCOMPATIBLE',
      /sharp is not a Tensorferry backend: its default export, called as a factory, threw Error: .*; expected/,
    )
  })
  test('a backend’s own typed error passes as it is', async () => {
    await appWithBackend(
      'export default () => { throw Object.assign(new Error("threads: expected 1"), { code: "OPTIONS_INVALID", [Symbol.for("tensorferry.error")]: true }) }',
    )
    await refused('my-backend', 'OPTIONS_INVALID', /^threads: expected 1$/)
  })
  test('a package without an entry that Node can resolve', async () => {
    const folder = await appWithBackend('')
    await writeFile(
      join(folder, 'node_modules/my-backend/package.json'),
      '{"name":"my-backend","type":"module","exports":{"./x":"./index.js"}}',
    )
    await refused('my-backend', 'BACKEND_INCOMPATIBLE', /exports nothing under "default"/)
  })
  test('a file that is not there is named, and nobody is told to install it', async () => {
    const folder = await appWithBackend('')
    const error = await refused(
      './local.mjs',
      'BACKEND_NOT_INSTALLED',
      new RegExp(`no file ${join(folder, 'local.mjs')}`),
    )
    expect(error.message).not.toContain('npm install')
    await writeFile(join(folder, 'local.mjs'), PACKAGE)
    await refused('local.mjs', 'BACKEND_NOT_INSTALLED', /for the file .*local\.mjs write "\.\/local\.mjs"/)
    provideBackend()
    for (const backend of ['./local.mjs', pathToFileURL(join(folder, 'local.mjs')).href]) {
      await using model = await loadModel(await makeBundle(), { backend })
      expect(model.report).toMatchObject({ backend: 'reference', package: backend })
    }
    await writeFile(join(folder, 'broken.mjs'), 'import')
    await refused('./broken.mjs', 'BACKEND_UNAVAILABLE', /^\.\/broken\.mjs cannot be imported: /)
  })
  test.each([
    ['@tensorferry/backend-onnx-nod', '@tensorferry/backend-onnx-node'],
    ['@tensorfery/backend-onnx-node', '@tensorferry/backend-onnx-node'],
    ['backend-onnx-node', '@tensorferry/backend-onnx-node'],
    ['onnx-node', '@tensorferry/backend-onnx-node'],
    ['onnx', '@tensorferry/backend-onnx-node'],
    ['lib-torch', '@tensorferry/backend-libtorch'],
  ])('%s: did you mean %s', async (name, meant) => {
    await appWithBackend('')
    const error = await refused(name, 'BACKEND_NOT_INSTALLED', new RegExp(`did you mean "${meant}"`))
    expect(error.message).not.toContain(`npm install ${name} `)
    expect(error.message).toMatch(new RegExp(`npm install ${meant}$`))
  })
  test.each(['onnx-node', 'onnx-web', 'libtorch', 'remote'])('%s is known: how to install it', (name) => {
    expect(installAdvice(`@tensorferry/backend-${name}`)).toBe(`run: npm install @tensorferry/backend-${name}`)
  })
})

describe('a value that is no backend', () => {
  test.each<[unknown, ErrorCode, RegExp]>([
    [{ name: 'x' }, 'BACKEND_INCOMPATIBLE', /expected \{ apiVersion: 1, .* got an object with name/],
    [Promise.resolve(good), 'BACKEND_INCOMPATIBLE', /got a Promise, which has to be awaited/],
    [5, 'OPTIONS_INVALID', /backend: expected a backend such as onnxNode\(\), .* got 5/],
    ['', 'OPTIONS_INVALID', /got an empty string/],
    [null, 'OPTIONS_INVALID', /got null/],
  ])('%j', async (backend, code, message) => {
    const files = await makeBundle()
    await expectError(code, message, () => loadModel(files, { backend: backend as never }))
  })
  test('a backend that throws what is not typed, or opens no session, gives a typed error', async () => {
    const files = await makeBundle()
    const throwing = named('throwing', {
      probe: async () => {
        throw new TypeError('x is undefined')
      },
    })
    await expectError('RUNTIME_FAILED', /throwing failed at probe .*TypeError: x is undefined/, () =>
      loadModel(files, { backend: throwing }),
    )
    const empty = named('empty', { createSession: async () => ({}) as never })
    await expectError('BACKEND_INCOMPATIBLE', /empty: its createSession\(\) gave an empty object/, () =>
      loadModel(files, { backend: empty }),
    )
  })
})

test('a bare TorchScript file says which backend it needs', async () => {
  const bytes = await readFile(new URL('fixtures/formats/torchscript', import.meta.url))
  const error = await expectError(
    'FORMAT_UNSUPPORTED',
    /reference reads onnx; bytes in memory is TorchScript, which needs .*\(@tensorferry\/backend-libtorch\), or export/,
    () => loadModel(bytes, { backend: good }),
  )
  expect(error.details).toEqual({ formats: ['onnx'] })
})

describe('options', () => {
  test('an unknown one is refused', async () => {
    await expectError('OPTIONS_INVALID', /unknown option 'thread'.*Known options: backend, .*factory/, () =>
      loadModel('/x', { backend: good, thread: 1 } as never),
    )
  })
  test('a typo names what was meant', async () => {
    await expectError('OPTIONS_INVALID', /unknown option 'verfy', did you mean 'verify'\?/, () =>
      loadModel('/x', { backend: good, verfy: 'full' } as never),
    )
    await expectError('OPTIONS_INVALID', /unknown option 'backends', did you mean 'backend'\?/, () =>
      loadModel('/x', { backends: [good] } as never),
    )
  })
  test('a backend or a name in place of the options', async () => {
    await expectError('OPTIONS_INVALID', /got a backend; pass \{ backend \}/, () => loadModel('/x', good as never))
    await expectError('OPTIONS_INVALID', /got "onnx-node"; pass \{ backend \}/, () =>
      loadModel('/x', 'onnx-node' as never),
    )
  })
  test('a wrong type is refused', async () => {
    await expectError('OPTIONS_INVALID', /cacheDir: expected a string, got 5/, () =>
      loadModel('/x', { backend: good, cacheDir: 5 } as never),
    )
  })
  test('a wrong verify is refused', async () => {
    await expectError('OPTIONS_INVALID', /verify: expected 'off', 'smoke', 'full', got "all"/, () =>
      loadModel('/x', { backend: good, verify: 'all' as 'full' }),
    )
  })
})

test('a model that remembers is reset after verification: its first answer is the first', async () => {
  let runs = 0
  const remembering = named('remembering', {
    async createSession(source, options) {
      const session = await good.createSession(source, options)
      return {
        ...session,
        run: (inputs, runOptions) => {
          runs++
          return session.run(inputs, runOptions)
        },
        reset: async () => {
          runs = 0
        },
      }
    },
  })
  await using model = await loadModel(await makeBundle(), { backend: remembering, verify: 'full' })
  expect(model.report.verify.cases.length).toBeGreaterThan(0)
  expect(runs).toBe(0)
})
