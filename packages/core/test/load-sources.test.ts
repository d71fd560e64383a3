import { rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Progress } from '../src/backend.ts'
import { bundle, type ModelSource } from '../src/bundle/source.ts'
import { loadModel } from '../src/load.ts'
import { referenceBackend, referenceFixtures } from '../src/testing/index.ts'
import { expectError } from './expect-error.ts'
import { listed, makeBundle, temporaryFolder, writeFiles } from './make-bundle.ts'

// The reference backend computes the fixtures in plain TypeScript; the real runtimes load the same sources in their own tests.
const backend = referenceBackend()
const fixtureOf = (name: string) => referenceFixtures.find((fixture) => fixture.name === name)!.load()

async function expectGolden(source: ModelSource, name = 'general'): Promise<void> {
  const { goldens } = await fixtureOf(name)
  await using model = await loadModel(source, { backend })
  expect(await model.run(goldens[0]!.inputs)).toEqual(goldens[0]!.outputs)
}

describe('a bundle', () => {
  test('from a folder, its bundle.json, and file URLs', async () => {
    const folder = await writeFiles(await makeBundle())
    await expectGolden(folder)
    await expectGolden(join(folder, 'bundle.json'))
    await expectGolden(pathToFileURL(folder))
    await expectGolden(pathToFileURL(`${folder}/`).href)
  })
  test('from a map of files, bytes or blobs, and with the folder’s name in front', async () => {
    const files = await makeBundle()
    await expectGolden(files)
    await expectGolden(new Map([...files].map(([path, bytes]) => [`general/${path}`, new Blob([bytes])])))
  })
  test('reports what it read', async () => {
    const folder = await writeFiles(await makeBundle())
    const seen: Progress[] = []
    await using model = await loadModel(folder, {
      backend,
      verify: 'full',
      onProgress: (progress) => seen.push(progress),
    })
    expect(model.report).toMatchObject({
      source: folder,
      bundle: { name: 'general', version: '1.0.0' },
      chosenBy: 'options',
      artifact: { name: 'onnx', format: 'onnx', precision: 'float32' },
      verify: { mode: 'full', skipped: null },
    })
    expect(model.report.verify.cases.length).toBe((await fixtureOf('general')).goldens.length)
    const verified = seen.filter(({ phase, file }) => phase === 'verify' && file === 'model.onnx')
    expect(verified.at(-1)).toMatchObject({ loaded: 340, total: 340 })
    expect(seen.at(-1)).toMatchObject({ phase: 'warmup' })
  })
  test.each<[string, string, RegExp, (files: Map<string, Uint8Array<ArrayBuffer>>) => void]>([
    [
      'a changed model',
      'INTEGRITY_FAILED',
      /model\.onnx: expected sha256 .* got .*changed or cut short/,
      (files) => files.get('model.onnx')!.set([1], 30),
    ],
    [
      'a short model',
      'INTEGRITY_FAILED',
      /expected 340 bytes, got 100/,
      (files) => files.set('model.onnx', files.get('model.onnx')!.slice(0, 100)),
    ],
    [
      'a Git-LFS pointer',
      'INTEGRITY_FAILED',
      /Git-LFS pointer: run git lfs pull/,
      (files) => files.set('model.onnx', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n')),
    ],
    [
      'an HTML page',
      'INTEGRITY_FAILED',
      /HTML page/,
      (files) => files.set('model.onnx', new TextEncoder().encode('<!DOCTYPE html><html></html>')),
    ],
    ['a missing model', 'NOT_FOUND', /no file "model\.onnx"/, (files) => files.delete('model.onnx')],
    [
      'a changed golden',
      'INTEGRITY_FAILED',
      /goldens\.safetensors/,
      (files) => files.get('goldens.safetensors')!.set([9], 400),
    ],
  ])('with %s is refused', async (_, code, message, spoil) => {
    const files = await makeBundle()
    spoil(files)
    const folder = await writeFiles(files)
    await expectError(code as 'NOT_FOUND', message, () => loadModel(folder, { backend }))
    await expectError(code as 'NOT_FOUND', message, () => loadModel(files, { backend }))
  })
  test('without a manifest says what was expected', async () => {
    const folder = await temporaryFolder()
    await expectError('NOT_FOUND', /no file "bundle\.json".*pass a bundle made by/, () =>
      loadModel(folder, { backend }),
    )
  })
  test('refuses external data that the manifest does not list', async () => {
    const files = await makeBundle('external-files', (manifest) => {
      manifest.artifacts[0].files.length = 1
    })
    const folder = await writeFiles(files)
    await expectError('BUNDLE_INVALID', /reads .*, which bundle\.json does not list/, () =>
      loadModel(folder, { backend }),
    )
  })
  test('refuses a model whose content is of another format', async () => {
    const files = await makeBundle('general', (manifest) => {
      manifest.artifacts[0].format = 'torchscript'
    })
    const torchscript = { ...backend, formats: ['torchscript'] as const }
    await expectError('BUNDLE_INVALID', /bundle\.json says torchscript, model\.onnx is onnx/, () =>
      loadModel(files, { backend: torchscript }),
    )
  })
  test('refuses a link that leads out of the folder', async () => {
    const files = await makeBundle()
    const folder = await writeFiles(files)
    const outside = await writeFiles(new Map([['model.onnx', files.get('model.onnx')!]]))
    await rm(join(folder, 'model.onnx'))
    await symlink(join(outside, 'model.onnx'), join(folder, 'model.onnx'))
    await expectError('BUNDLE_INVALID', /a link that leads out/, () => loadModel(folder, { backend }))
  })
})

describe('a bare model', () => {
  test('from a path, whatever its suffix, bytes, a Buffer, an ArrayBuffer, a Blob, a map', async () => {
    const { artifact } = await fixtureOf('general')
    const bytes = await artifact.files[0].bytes()
    const folder = await writeFiles(new Map([['anything.bin', bytes]]))
    await expectGolden(join(folder, 'anything.bin'))
    await expectGolden(bytes)
    await expectGolden(Buffer.from(bytes))
    await expectGolden(bytes.buffer)
    await expectGolden(new Blob([bytes]))
    await expectGolden(new Map([['model.onnx', bytes]]))
  })
  test('says that it has no goldens and no picture pipeline', async () => {
    const { artifact } = await fixtureOf('general')
    await using model = await loadModel(await artifact.files[0].bytes(), { backend })
    expect(model.report.verify).toEqual({ mode: 'smoke', cases: [], skipped: 'a bare model has no goldens' })
    await expectError('OPTIONS_INVALID', /bare model/, () => model.predict(new Uint8Array(1)))
  })
  test('with external data beside it, on disk and in a map', async () => {
    const { artifact } = await fixtureOf('external-files')
    const files = new Map<string, Uint8Array<ArrayBuffer>>()
    for (const file of artifact.files) files.set(file.path, await file.bytes())
    expect(files.size).toBeGreaterThan(1)
    const folder = await writeFiles(files)
    await expectGolden(join(folder, artifact.files[0].path), 'external-files')
    await expectGolden(files, 'external-files')
  })
  test('with its external data missing names the file', async () => {
    const { artifact } = await fixtureOf('external-files')
    const model = await artifact.files[0].bytes()
    const folder = await writeFiles(new Map([['model.onnx', model]]))
    const message = new RegExp(`no file "${artifact.files[1]!.path}".*keeps weights in it`)
    await expectError('NOT_FOUND', message, () => loadModel(join(folder, 'model.onnx'), { backend }))
    await expectError('NOT_FOUND', message, () => loadModel(model, { backend }))
  })
  test.each<[string, string, RegExp]>([
    ['<!DOCTYPE html><html>', 'FORMAT_UNSUPPORTED', /an HTML page/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:0', 'FORMAT_UNSUPPORTED', /a Git-LFS pointer/],
    ['', 'FORMAT_UNSUPPORTED', /an empty file/],
    ['just some text', 'FORMAT_UNSUPPORTED', /a text file/],
    ['{"a": 1}', 'FORMAT_UNSUPPORTED', /JSON text/],
  ])('that is %j is refused', async (content, code, message) => {
    await expectError(code as 'FORMAT_UNSUPPORTED', message, () =>
      loadModel(new TextEncoder().encode(content), { backend }),
    )
  })
  test('cut short at any length is refused or is a smaller model, and never hangs', async () => {
    const bytes = await (await fixtureOf('general')).artifact.files[0].bytes()
    for (let length = 1; length < bytes.length; length += 3) {
      await expectError('FORMAT_UNSUPPORTED', /./, () => loadModel(bytes.slice(0, length), { backend }))
    }
  })
})

describe('what is no source', () => {
  test.each<[unknown, string, RegExp]>([
    ['/nowhere/at/all', 'NOT_FOUND', /no file or folder/],
    ['', 'OPTIONS_INVALID', /expected a bundle's folder or URL, .*got an empty string$/],
    [42, 'OPTIONS_INVALID', /got 42$/],
    [null, 'OPTIONS_INVALID', /got null$/],
    [undefined, 'OPTIONS_INVALID', /got undefined$/],
    [Promise.resolve(new Uint8Array()), 'OPTIONS_INVALID', /got a Promise, which has to be awaited/],
    [{ 'bundle.json': new Uint8Array() }, 'OPTIONS_INVALID', /new Map\(Object\.entries\(files\)\)/],
    [{ verify: 'off' }, 'OPTIONS_INVALID', /options come second/],
    [new Float32Array(2), 'OPTIONS_INVALID', /got a Float32Array; pass new Uint8Array\(array\.buffer/],
    [new Response(''), 'OPTIONS_INVALID', /pass its URL, or await response\.arrayBuffer\(\)/],
    [new Map([['bundle.json', '{}']]), 'OPTIONS_INVALID', /got "\{\}" for "bundle\.json"/],
    [bundle(undefined as never), 'OPTIONS_INVALID', /got undefined/],
    [
      new TextEncoder().encode('<html>'),
      'FORMAT_UNSUPPORTED',
      /^bytes in memory: expected a model file, got an HTML page; it was saved from a server/,
    ],
    [new Blob(['<html>']), 'FORMAT_UNSUPPORTED', /an HTML page; it was saved from a server/],
    [new Map(), 'NOT_FOUND', /an empty map/],
    [
      new Map([
        ['a.onnx', new Uint8Array()],
        ['b.onnx', new Uint8Array()],
      ]),
      'NOT_FOUND',
      /a\.onnx, b\.onnx/,
    ],
    ['ftp://host/model.onnx', 'OPTIONS_INVALID', /http or https/],
  ])('%j', async (source, code, message) => {
    await expectError(code as 'NOT_FOUND', message, () => loadModel(source as string, { backend }))
  })
  test('a wrong source is said before a missing backend is', async () => {
    await expectError('OPTIONS_INVALID', /source: expected .* got undefined/, () => loadModel(undefined as never))
  })
  test('a wrong file is named by its path', async () => {
    const folder = await writeFiles(new Map([['model.onnx', new TextEncoder().encode('version https://git-lfs')]]))
    await expectError('FORMAT_UNSUPPORTED', new RegExp(`^${folder}/model\\.onnx: .*git lfs pull`), () =>
      loadModel(join(folder, 'model.onnx'), { backend }),
    )
  })
  test('an unreadable manifest', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'bundle.json'), '{')
    await expectError('BUNDLE_INVALID', /bundle\.json: .* JSON/, () => loadModel(folder, { backend }))
  })
})

test('listed() is what a manifest holds', () => {
  expect(listed('x', new Uint8Array())).toEqual({
    path: 'x',
    size: 0,
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  })
})
