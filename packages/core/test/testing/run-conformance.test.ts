import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, test, vi } from 'vitest'
import { detectFormat } from '../../src/format/detect.ts'
import { TensorferryError } from '../../src/index.ts'
import {
  type BackendFeatures,
  casesFor,
  conformanceCases,
  fixturesFor,
  referenceBackend,
  referenceFeatures,
  referenceFixtures,
  runConformance,
} from '../../src/testing/index.ts'

const named = (...names: string[]) => referenceFixtures.filter(({ name }) => names.includes(name))
const general = named('general')
const cases = conformanceCases.filter(({ name }) => /equals the goldens|same answer|dispose may be/.test(name))

describe('runConformance', () => {
  test('reports a backend that hangs, case by case, and comes to an end', async () => {
    const backend = { ...referenceBackend(), createSession: () => new Promise<never>(() => {}) }
    const report = await runConformance({
      backend,
      features: referenceFeatures,
      fixtures: general,
      cases,
      timeoutMs: 20,
    })
    expect(report).toMatchObject({ passed: 0, failed: 3, skipped: 0 })
    for (const { reason } of report.results) expect(reason).toMatch(/\(general\): expected an end within 20 ms/)
  })

  test('reports what was thrown, and goes on', async () => {
    const backend = {
      ...referenceBackend(),
      createSession: () => {
        throw 'no'
      },
    }
    const report = await runConformance({ backend, features: referenceFeatures, fixtures: general, cases })
    expect(report.failed).toBe(3)
    expect(report.results[0]?.reason).toContain('got a thrown string (no)')
  })

  test('makes a backend for each fixture, and tells of each result in turn', async () => {
    const asked: string[] = []
    const told: string[] = []
    const report = await runConformance({
      backend: ({ name }) => {
        asked.push(name)
        return referenceBackend()
      },
      features: referenceFeatures,
      fixtures: named('float32', 'int64'),
      cases,
      onResult: ({ fixture, status }) => told.push(`${fixture} ${status}`),
    })
    expect(asked).toEqual(['float32', 'int64'])
    expect(told).toEqual(['float32 passed', 'int64 passed', 'null skipped', 'null skipped'])
    expect(report.results[2]?.reason).toBe('no fixture has general')
    expect(structuredClone(report)).toEqual(report)
  })

  test('skips with the reason what a backend without threads and files is not asked', async () => {
    const features: BackendFeatures = { ...referenceFeatures, offThread: false, readsFiles: false }
    const report = await runConformance({
      backend: referenceBackend,
      features,
      fixtures: named('slow', 'unknown-dtype', 'bfloat16'),
      cases: conformanceCases.filter(({ needs }) => needs.includes('offThread') || needs.includes('readsFiles')),
    })
    expect(report).toMatchObject({ passed: 0, failed: 0 })
    const reasons = report.results
      .filter(({ fixture }) => fixture !== null)
      .map(({ fixture, reason }) => [fixture, reason])
    expect(reasons).toEqual([
      ['bfloat16', 'the backend reads no files'],
      ['slow', 'the backend runs on the thread that calls'],
      ['slow', 'the backend runs on the thread that calls'],
      ['slow', 'the backend runs on the thread that calls'],
      ['unknown-dtype', 'the backend reads no files'],
    ])
  })

  test('ends with ABORTED before the next case', async () => {
    const controller = new AbortController()
    let results = 0
    const run = runConformance({
      backend: referenceBackend,
      features: referenceFeatures,
      fixtures: general,
      signal: controller.signal,
      onResult: () => {
        results++
        controller.abort()
      },
    })
    await expect(run).rejects.toSatisfy((error) => TensorferryError.is(error, 'ABORTED'))
    expect(results).toBe(1)
  })
})

describe('fixturesFor and casesFor', () => {
  test('every fixture is small, loads alone, and has unique names', async () => {
    const fixtures = fixturesFor('onnx')
    expect(new Set(fixtures.map(({ name }) => name)).size).toBe(fixtures.length)
    for (const fixture of fixtures) {
      const { artifact, goldens } = await fixture.load()
      for (const file of artifact.files) {
        const bytes = await file.bytes()
        expect(bytes.length).toBe(file.size)
        expect(bytes.length).toBeLessThan(3000)
        const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex')
        expect(digest).toBe(file.sha256)
      }
      expect(goldens.length).toBeGreaterThan(0)
    }
  })

  test('a load gives memory of its own', async () => {
    const [first, second] = await Promise.all([general[0]!.load(), general[0]!.load()])
    const data = first.goldens[0]!.inputs.input!.data as Float32Array
    data.fill(9)
    expect(second.goldens[0]!.inputs.input!.data[0]).toBe(-1)
  })

  test('of a dtype that the backend lacks there is one thing to ask', () => {
    const [bfloat16] = named('bfloat16')
    expect(casesFor(bfloat16!, referenceFeatures).map(({ name }) => name)).toEqual(['refuses a dtype that it lacks'])
    const features = { ...referenceFeatures, readsFiles: false }
    expect(fixturesFor('onnx', features).map(({ name }) => name)).not.toContain('bfloat16')
    expect(fixturesFor('onnx', referenceFeatures).map(({ name }) => name)).toContain('bfloat16')
  })

  test('PyTorch formats have the fixtures that PyTorch can compute', () => {
    const names = (format: 'onnx' | 'torchscript') => fixturesFor(format).map(({ name }) => name)
    const onnxAlone = ['string', 'external-files']
    expect(names('torchscript').sort()).toEqual(
      [...names('onnx').filter((name) => !onnxAlone.includes(name)), 'inner-state'].sort(),
    )
    expect(fixturesFor('torchscript').filter(({ traits }) => traits.includes('self-describing'))).toEqual([])
    // native code for one CPU: built where it runs
    expect(fixturesFor('aot-inductor')).toEqual([])
  })

  test.each(fixturesFor('torchscript'))('torchscript $name is a TorchScript file', async (fixture) => {
    const { artifact, goldens, signature } = await fixture.load()
    expect(await detectFormat(await artifact.files[0].bytes())).toBe('torchscript')
    expect(goldens.length).toBeGreaterThan(0)
    for (const golden of goldens) expect(Object.keys(golden.inputs)).toEqual(signature.inputs.map(({ name }) => name))
  })

  test('cases have unique names', () => {
    expect(new Set(conformanceCases.map(({ name }) => name)).size).toBe(conformanceCases.length)
  })
})

describe('away from Node', () => {
  test('the cases run without setImmediate', async () => {
    vi.stubGlobal('setImmediate', undefined)
    try {
      const fixtures = named('general', 'slow', 'aliases')
      const report = await runConformance({ backend: referenceBackend, features: referenceFeatures, fixtures })
      expect(report.results.filter(({ status }) => status === 'failed')).toEqual([])
      expect(report.passed).toBeGreaterThan(60)
    } finally {
      vi.unstubAllGlobals()
    }
  }, 30_000)

  test('it bundles for a browser, and the fixtures stay out until they are loaded', async () => {
    const { metafile } = await build({
      entryPoints: [fileURLToPath(new URL('../../src/testing/index.ts', import.meta.url))],
      bundle: true,
      splitting: true,
      platform: 'browser',
      format: 'esm',
      outdir: 'unused',
      write: false,
      metafile: true,
      logLevel: 'silent',
    })
    const { imports, inputs } =
      metafile.outputs[Object.keys(metafile.outputs).find((path) => /\/index\.js$/.test(path))!]!
    const paths = Object.keys(inputs).map((path) => path.replace(/^.*src\/testing\//, ''))
    expect(paths).toContain('fixtures/onnx/index.ts')
    expect(paths.filter((path) => /^fixtures\//.test(path)).sort()).toEqual([
      'fixtures/onnx/index.ts',
      'fixtures/torchscript/index.ts',
    ])
    const later = new Set(imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path))
    // Beside them: what two fixture modules share of foreign files, a reference model that many share, and the messages of refused options.
    expect(later.size).toBe(fixturesFor('onnx').length + fixturesFor('torchscript').length + 3)
  })
})
