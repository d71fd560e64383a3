import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Artifact, Backend, SessionSource } from '../../src/backend.ts'
import { loadModel } from '../../src/load.ts'
import { referenceBackend } from '../../src/testing/index.ts'
import { expectError } from '../expect-error.ts'
import { listed, makeBundle, writeFiles } from '../make-bundle.ts'
import { zipOfNames } from '../zip-file.ts'

const COMPILED = zipOfNames('model/data/aotinductor/model/wrapper.so')
const BEST = 'aot-inductor'

// biome-ignore lint/suspicious/noExplicitAny: manifests are spoiled on purpose
type Loose = any

/** A bundle with a compiled artifact beside it; `change` may spoil what its local manifest says. */
async function bundleWithLocal(change: (local: Loose) => void = () => undefined) {
  let modelHash = ''
  const files = await makeBundle('general', (manifest) => {
    modelHash = manifest.artifacts[0].files[0].sha256
  })
  const local = {
    schema: 'tensorferry.bundle.local/1',
    artifacts: [
      {
        name: BEST,
        format: 'aot-inductor',
        precision: 'float32',
        files: [listed('aot-inductor.local.pt2', COMPILED)],
        requires: { torch: '2.13.0', platform: 'linux', machine: 'x86_64', isa: 'avx2' },
        route: 'torch.export',
        made_from: { 'model.onnx': modelHash },
      },
    ],
  }
  change(local)
  files.set('aot-inductor.local.pt2', COMPILED)
  files.set('bundle.local.json', new TextEncoder().encode(JSON.stringify(local)))
  return files
}

/** The reference backend, asked for compiled models; it keeps the artifact it was given. */
function compiledBackend(): { backend: Backend; given: Artifact[] } {
  const reference = referenceBackend()
  const given: Artifact[] = []
  const backend: Backend = {
    ...reference,
    formats: ['aot-inductor', 'onnx'],
    createSession: async ({ artifact, signature }: SessionSource, options) => {
      given.push(artifact!)
      await artifact!.files[0].bytes()
      return reference.createSession(
        { artifact: { ...artifact!, format: 'onnx', files: await onnxFiles() }, signature: signature! },
        options,
      )
    },
  }
  return { backend, given }
}

async function onnxFiles(): Promise<Artifact['files']> {
  const bytes = (await makeBundle('general')).get('model.onnx')!
  return [{ ...listed('model.onnx', bytes), bytes: async () => bytes.slice() }]
}

describe('bundle.local.json', () => {
  test('its artifacts come after the bundle’s own, from a folder and from a map', async () => {
    const files = await bundleWithLocal()
    for (const source of [await writeFiles(files), files]) {
      const { backend, given } = compiledBackend()
      await using model = await loadModel(source, { backend })
      expect(model.report.artifact).toEqual({ name: BEST, format: 'aot-inductor', precision: 'float32' })
      expect(given[0]!.requires).toEqual({ torch: '2.13.0', platform: 'linux', machine: 'x86_64', isa: 'avx2' })
      expect(given[0]!.files[0]).toMatchObject(listed('aot-inductor.local.pt2', COMPILED))
      await using other = await loadModel(source, { backend: referenceBackend() })
      expect(other.report.artifact?.name).toBe('onnx')
    }
  })

  test('one that was compiled from other files is refused, and the rest of the bundle works', async () => {
    const files = await bundleWithLocal((local) => {
      local.artifacts[0].made_from['model.onnx'] = 'a'.repeat(64)
    })
    const again = /compiled from another model\.onnx; run python -m tensorferry aoti again/
    await expectError('BUNDLE_INVALID', again, () =>
      loadModel(files, { backend: compiledBackend().backend, artifact: BEST }),
    )
    await using model = await loadModel(files, { backend: referenceBackend() })
    expect(model.report.artifact?.name).toBe('onnx')
  })

  test('its sha256 vouch for whole files', async () => {
    const files = await bundleWithLocal()
    files.get('aot-inductor.local.pt2')!.set([1], 40)
    await expectError('INTEGRITY_FAILED', /aot-inductor\.local\.pt2: expected sha256/, () =>
      loadModel(files, { backend: compiledBackend().backend, artifact: BEST }),
    )
  })

  test.each<[string, RegExp, (local: Loose) => void]>([
    ['another schema', /schema: expected/, (local) => (local.schema = 'tensorferry.bundle/1')],
    ['a format that is the same everywhere', /artifacts\.0\.format/, (local) => (local.artifacts[0].format = 'onnx')],
    ['a name of the bundle', /"onnx" stands twice/, (local) => (local.artifacts[0].name = 'onnx')],
    ['no hashes of its sources', /made_from/, (local) => delete local.artifacts[0].made_from],
    ['a path that leads out', /\.\./, (local) => (local.artifacts[0].files[0].path = '../model.pt2')],
  ])('refuses %s', async (_, message, change) => {
    const files = await bundleWithLocal(change)
    await expectError('BUNDLE_INVALID', message, () => loadModel(files, { backend: referenceBackend() }))
  })

  test('is not asked for by URL: it would be another machine’s', async () => {
    const files = await bundleWithLocal()
    const asked: string[] = []
    const server = createServer((request, response) => {
      const path = request.url!.slice(1)
      asked.push(path)
      const content = files.get(path)
      response.writeHead(content ? 200 : 404).end(content)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    await using model = await loadModel(url, { backend: compiledBackend().backend })
    expect(model.report.artifact?.name).toBe('onnx')
    expect(asked).toContain('bundle.json')
    expect(asked).not.toContain('bundle.local.json')
  })
})

test('a manifest may hold a program that no backend reads, with its weights in a listed file', async () => {
  const program = (weights: string) => (manifest: Loose) => {
    manifest.program = {
      precision: 'float32',
      files: [{ path: 'program.pt2', size: 1, sha256: 'b'.repeat(64) }],
      weights,
      requires: { torch: '>=2.13' },
      route: 'torch.export',
    }
  }
  await using model = await loadModel(await makeBundle('general', program('model.onnx')), {
    backend: referenceBackend(),
  })
  expect(model.report.artifact?.name).toBe('onnx')
  await expectError('BUNDLE_INVALID', /program\.weights: "model\.pt" is none of model\.onnx/, async () =>
    loadModel(await makeBundle('general', program('model.pt')), { backend: referenceBackend() }),
  )
})
