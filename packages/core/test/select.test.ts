import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Backend } from '../src/backend.ts'
import { loadModel } from '../src/load.ts'
import { formatReport } from '../src/report.ts'
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
    await expectError('FORMAT_UNSUPPORTED', /t reads torchscript; the source holds onnx \(onnx\)/, () =>
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
  test('of which none works names every reason', async () => {
    const files = await makeBundle()
    const error = await expectError(
      'BACKEND_UNAVAILABLE',
      /none of 2 backends can be used:\n- missing at probe: .*no driver\n- wrong at verify/,
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
  process.chdir(folder)
  onTestFinished(() => process.chdir(before))
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
    await expectError('BACKEND_NOT_INSTALLED', new RegExp(`looked from ${folder}.*run: npm install nothing-here`), () =>
      loadModel(files, { backend: 'nothing-here' }),
    )
  })
  test('that fails to load, or is no backend', async () => {
    await appWithBackend(`throw new Error('no such symbol')`)
    const files = await makeBundle()
    await expectError('BACKEND_UNAVAILABLE', /my-backend is installed and fails to load: no such symbol/, () =>
      loadModel(files, { backend: 'my-backend' }),
    )
    await appWithBackend('export default 1')
    await expectError('BACKEND_INCOMPATIBLE', /no factory as its default export/, () =>
      loadModel(files, { backend: 'my-backend' }),
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
    expect(model.report.verify.mode).toBe('full')
    expect(seen).toEqual([{ threads: 1 }])
  })
  test.each([
    ['{', /not JSON/],
    ['{"backends":[]}', /backends: expected/],
    ['{"backend":"x"}', /expected such as/],
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
  expect(model.report).toMatchObject({ source: 'server', bundle: null, artifact: null })
  expect(await model.run(goldens[0]!.inputs)).toEqual(goldens[0]!.outputs)
  await expectError('FORMAT_UNSUPPORTED', /reference reads onnx; no source was given/, () =>
    loadModel({ backend: good }),
  )
})

describe('options', () => {
  test('an unknown one is refused', async () => {
    await expectError('OPTIONS_INVALID', /unknown option "thread".*factory/, () =>
      loadModel('/x', { backend: good, thread: 1 } as never),
    )
  })
  test('a wrong verify is refused', async () => {
    await expectError('OPTIONS_INVALID', /verify: expected off, smoke, full, got "all"/, () =>
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
