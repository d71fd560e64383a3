import { readFile } from 'node:fs/promises'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { readSafetensors } from '../src/bundle/safetensors.ts'
import { encodeImage } from '../src/image-files.ts'
import { loadModel } from '../src/load.ts'
import type { StepResult } from '../src/pipeline/plan.ts'
import type { RawImage } from '../src/pipeline/raw-image.ts'
import { toImage } from '../src/pipeline/steps/image/to-image.ts'
import { toTensor } from '../src/pipeline/steps/image/to-tensor.ts'
import { formatReport } from '../src/report.ts'
import { reshape, type Tensor, tensor } from '../src/tensor.ts'
import { referenceBackend } from '../src/testing/index.ts'
import { expectError } from './expect-error.ts'
import { listed, makeBundle, writeSafetensors } from './make-bundle.ts'

const backend = referenceBackend()
const picture: RawImage = { mode: 'L', width: 3, height: 2, data: new Uint8Array([0, 50, 100, 150, 200, 255]) }
const steps = { decode: { op: 'decode_image', mode: 'L' }, toTensor: { op: 'to_tensor' } }

// biome-ignore lint/suspicious/noExplicitAny: a manifest on its way to being something else
function withPipeline(manifest: any): void {
  manifest.task = 'image-to-image'
  manifest.preprocess = [{ raw: 'image', steps: [steps.decode, steps.toTensor], to: [manifest.inputs[0].name] }]
  manifest.postprocess = [
    { from: [manifest.outputs[0].name], steps: [{ op: 'to_image', quantize: 'round' }], to: 'image' },
  ]
}

describe('predict', () => {
  test('is preprocess, run and postprocess; the batch axis is put in front', async () => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    const { inputs, context } = await model.preprocess(picture)
    const [name] = Object.keys(inputs)
    expect(inputs[name!]!.shape).toEqual([1, 1, 2, 3])
    expect(inputs[name!]!.data).toEqual(toTensor(picture).data)
    expect(context.originalSize).toEqual({ width: 3, height: 2 })
    const outputs = await model.run(inputs)
    const halves = await model.postprocess(outputs, context)
    expect(await model.predict(picture)).toEqual(halves)
    expect(halves).toEqual(toImage(Object.values(outputs)[0] as Tensor<'float32'>, { quantize: 'round' }))
  })
  test('takes a file, a Blob, pixels of a canvas', async () => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    const file = await encodeImage(picture)
    const expected = await model.predict(picture)
    expect(await model.predict(file)).toEqual(expected)
    expect(await model.predict(new Blob([file]))).toEqual(expected)
    const rgba = Uint8ClampedArray.from({ length: 24 }, (_, index) =>
      index % 4 === 3 ? 255 : picture.data[index >> 2]!,
    )
    expect(await model.predict({ width: 3, height: 2, data: rgba })).toEqual(expected)
  })
  test('takes pixels of a canvas and of another realm with a mode', async () => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    const expected = await model.predict(picture)
    const foreign = runInNewContext('new Uint8Array([0, 50, 100, 150, 200, 255])')
    for (const data of [Uint8ClampedArray.from(picture.data), foreign]) {
      expect(await model.predict({ mode: 'L', width: 3, height: 2, data } as RawImage)).toEqual(expected)
    }
  })
  test('a turn in a picture’s EXIF is ignored, and the report says so, once', async () => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    const text = await readFile(new URL('./goldens/orientation.json', import.meta.url), 'utf8')
    const { cases } = JSON.parse(text) as { cases: { orientation: number; format: string; file: string }[] }
    const turned = cases.find(({ orientation, format }) => orientation === 6 && format === 'JPEG')!
    const file = new Uint8Array(Buffer.from(turned.file, 'base64'))
    await model.predict(await encodeImage(picture))
    expect(model.report.warnings).toEqual([])
    await model.predict(file)
    await model.predict(file)
    expect(model.report.warnings).toEqual([expect.stringMatching(/EXIF orientation 6\).*upright: true/)])
    expect(formatReport(model.report)).toContain('EXIF orientation 6')
  })
  test('the context is plain data: it survives a structured clone', async () => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    const { inputs, context } = await model.preprocess(picture)
    const outputs = await model.run(inputs)
    expect(await model.postprocess(outputs, structuredClone(context))).toEqual(
      await model.postprocess(outputs, context),
    )
  })
  test('onStep shows what each step gave, one by one', async () => {
    const withNormalize = (manifest: Parameters<typeof withPipeline>[0]): void => {
      withPipeline(manifest)
      manifest.preprocess[0].steps.push({ op: 'normalize', mean: [0.5], std: [0.25] })
    }
    await using model = await loadModel(await makeBundle('upsample', withNormalize), { backend })
    const seen: StepResult[] = []
    const onStep = (result: StepResult): void => void seen.push(result)
    const { inputs, context } = await model.preprocess(picture, { onStep })
    const plain = await model.preprocess(picture)
    expect(inputs).toEqual(plain.inputs)
    const outputs = await model.run(inputs)
    const result = await model.postprocess(outputs, context, { onStep })
    expect(seen.map(({ op }) => op)).toEqual(['decode_image', 'to_tensor', 'normalize', 'to_image'])
    expect(seen.map(({ step }) => step?.op)).toEqual(seen.map(({ op }) => op))
    expect(seen[2]!.step).toEqual({ op: 'normalize', mean: [0.5], std: [0.25] })
    const [input] = Object.values(plain.inputs)
    const scaled = toTensor(picture)
    expect(seen.map(({ value }) => value)).toEqual([picture, scaled, reshape(input!, [1, 2, 3]), result])
    expect(seen.every(({ milliseconds }) => milliseconds >= 0)).toBe(true)
  })
  test('an abort and a time-out settle it, and the network is not run after them', async () => {
    let runs = 0
    const counting: typeof backend = {
      ...backend,
      async createSession(source, options) {
        const session = await backend.createSession(source, options)
        return {
          ...session,
          run(inputs, runOptions) {
            runs++
            return session.run(inputs, runOptions)
          },
        }
      },
    }
    await using model = await loadModel(await makeBundle('upsample', withPipeline), {
      backend: counting,
      verify: 'off',
    })
    await expectError('ABORTED', /aborted/, () => model.predict(picture, { signal: AbortSignal.abort() }))
    const controller = new AbortController()
    const predicting = model.predict(picture, { signal: controller.signal })
    controller.abort()
    await expectError('ABORTED', /aborted/, () => predicting)
    await expectError('OPTIONS_INVALID', /timeoutMs/, () => model.predict(picture, { timeoutMs: -1 }))
    // A later call has gone the whole way: the aborted ones would have run before it.
    await model.predict(picture)
    expect(runs).toBe(1)
  })
  test('without postprocess steps gives the outputs', async () => {
    await using model = await loadModel(
      await makeBundle('upsample', (manifest) => {
        withPipeline(manifest)
        manifest.task = null
        manifest.postprocess = []
      }),
      { backend },
    )
    const outputs = (await model.predict(picture)) as Record<string, Tensor>
    expect(Object.keys(outputs)).toEqual(model.outputs.map(({ name }) => name))
    await expectError('INPUT_INVALID', /expected a raw input, such as .* got undefined/, () =>
      model.predict(undefined as never),
    )
  })
  const row = {
    input: tensor('float32', [-1, -0.5], [1, 2]),
    offset: tensor('float32', [0], [1, 1]),
    pairs: tensor('float32', [0, -0.5], [2]),
  }
  // biome-ignore lint/suspicious/noExplicitAny: a manifest on its way to being something else
  const withLabels = (manifest: any): void => {
    manifest.task = 'tabular-classification'
    manifest.labels = ['low', 'high']
    manifest.postprocess = [{ from: ['sum'], steps: [{ op: 'softmax' }, { op: 'top_k', k: 2 }], to: 'labels' }]
  }
  test('of a model without a picture takes tensors by name, as run does, and gives labels', async () => {
    await using model = await loadModel(await makeBundle('general', withLabels), { backend })
    const result = await model.predict(row)
    expect(result).toEqual([
      { label: 'high', index: 1, score: expect.closeTo(1 / (1 + Math.exp(-1)), 6) },
      { label: 'low', index: 0, score: expect.closeTo(1 - 1 / (1 + Math.exp(-1)), 6) },
    ])
    const { inputs, context } = await model.preprocess(row)
    expect(inputs).toEqual(row)
    expect(await model.postprocess(await model.run(inputs), context)).toEqual(result)
    await expectError(
      'INPUT_INVALID',
      /expected an object \{ input, offset, pairs \}: .* got an object with dtype/,
      () => model.predict(row.input),
    )
    await expectError('INPUT_INVALID', /^pairs: expected float32\[2\*batch\], got nothing/, () =>
      model.predict({ input: row.input, offset: row.offset }),
    )
    const two = { ...row, input: reshape(row.input, [2, 1]) }
    await expectError('INPUT_INVALID', /features of/, () => model.predict(two))
  })
  test('takes a picture by its raw name, and tensors that no step makes by theirs', async () => {
    await using model = await loadModel(
      await makeBundle('general', (manifest) => {
        manifest.inputs[0].shape = ['batch', 1, 1, 'features']
        manifest.preprocess = [{ raw: 'photo', steps: [steps.decode, steps.toTensor], to: ['input'] }]
      }),
      { backend, verify: 'off' },
    )
    const photo: RawImage = { mode: 'L', width: 2, height: 1, data: Uint8Array.of(0, 255) }
    const { inputs } = await model.preprocess({ photo, offset: row.offset, pairs: row.pairs })
    expect(inputs).toEqual({ ...row, input: tensor('float32', [0, 1], [1, 1, 1, 2]) })
    await expectError('INPUT_INVALID', /expected an object \{ photo, offset, pairs \}/, () => model.preprocess(photo))
    await expectError('INPUT_INVALID', /photo: expected a raw input/, () => model.preprocess(row as never))
  })
  test('gives pixels as they are to a network that takes uint8', async () => {
    const pixels = (layout: string) => [
      { ...steps.decode, mode: 'RGB' },
      { op: 'to_uint8', layout },
    ]
    for (const layout of ['chw', 'hwc']) {
      await using model = await loadModel(
        await makeBundle('uint8', (manifest) => {
          manifest.inputs[0].shape = ['rows', null, null, null]
          manifest.preprocess = [{ raw: 'image', steps: pixels(layout), to: [manifest.inputs[0].name] }]
        }),
        { backend, verify: 'off' },
      )
      const rgb: RawImage = { mode: 'RGB', width: 1, height: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }
      const [made] = Object.values((await model.preprocess(rgb)).inputs)
      const expected =
        layout === 'hwc'
          ? [
              [1, 2, 1, 3],
              [1, 2, 3, 4, 5, 6],
            ]
          : [
              [1, 3, 2, 1],
              [1, 4, 2, 5, 3, 6],
            ]
      expect([made!.shape, [...(made!.data as Uint8Array)]]).toEqual(expected)
    }
    await expectError(
      'BUNDLE_INVALID',
      /\(normalize\): takes tensor, and to_uint8 before it is uint8 tensor/,
      async () =>
        loadModel(
          await makeBundle('uint8', (manifest) => {
            const last = { op: 'normalize', mean: [0.5], std: [0.5] }
            manifest.preprocess = [{ raw: 'image', steps: [...pixels('chw'), last], to: [manifest.inputs[0].name] }]
          }),
          { backend },
        ),
    )
  })
  test('steps that do not fit together are the bundle’s fault', async () => {
    const files = await makeBundle('upsample', (manifest) => {
      withPipeline(manifest)
      manifest.preprocess[0].steps = [steps.toTensor, steps.decode]
    })
    await expectError('BUNDLE_INVALID', /decode_image\): takes file/, () => loadModel(files, { backend }))
  })
})

describe('what a bundle says of its result is checked at load', () => {
  type ManifestOf = Record<string, unknown> & { outputs: [{ name: string; shape: unknown[] }] }
  const load = async (change: (manifest: ManifestOf) => void) => {
    const files = await makeBundle('upsample', (manifest) => {
      withPipeline(manifest)
      const [output] = manifest.outputs
      output.shape = [1, 12]
      manifest.task = 'image-classification'
      manifest.labels = Array.from({ length: 10 }, (_, index) => `class ${index}`)
      manifest.postprocess = [{ from: [output.name], steps: [{ op: 'top_k', k: 1 }], to: 'labels' }]
      change(manifest)
    })
    return loadModel(files, { backend, verify: 'off' })
  }

  test('the labels are as many as the classes', async () => {
    await expectError('BUNDLE_INVALID', /labels: 10 names for 12 classes, the last dim of output/, () =>
      load(() => undefined),
    )
  })
  test('a number of classes that is not fixed is not compared', async () => {
    await using model = await load(({ outputs: [output] }) => {
      output.shape = [1, null]
    })
    expect(model.labels).toHaveLength(10)
  })
  test('the task is what postprocess gives', async () => {
    await expectError('BUNDLE_INVALID', /task image-to-image promises image, its postprocess gives labels/, () =>
      load((manifest) => {
        manifest.task = 'image-to-image'
      }),
    )
    await expectError(
      'BUNDLE_INVALID',
      /task image-classification promises labels, its postprocess gives tensors/,
      () =>
        load((manifest) => {
          manifest.postprocess = []
        }),
    )
  })
  test('a bundle without steps may have any task: predict says what is missing', async () => {
    const files = await makeBundle('upsample', (manifest) => {
      manifest.task = 'image-to-image'
    })
    await using model = await loadModel(files, { backend })
    const message = /the bundle upsample has neither preprocess nor postprocess steps; use run/
    await expectError('OPTIONS_INVALID', message, () => model.predict(picture))
    await expectError('OPTIONS_INVALID', message, () => model.preprocess(picture))
  })
  test('a bare model says so', async () => {
    const files = await makeBundle('upsample')
    await using model = await loadModel(files.get('model.onnx')!, { backend })
    expect(model.report.source).toBe('bytes in memory')
    await expectError('OPTIONS_INVALID', /predict: bytes in memory is a bare model/, () => model.predict(picture))
  })
})

describe('a raw input that is something else', () => {
  test.each<[unknown, RegExp]>([
    [
      'a.png',
      /image: expected a raw input, such as a file's bytes or pixels, got "a\.png"; read the file first: await readFile\("a\.png"\)/,
    ],
    [Promise.resolve(), /got a Promise, which has to be awaited/],
    [{ mode: 'L', width: 3, height: 2, data: new Int8Array(6) }, /got Object with data in Int8Array/],
    [[1, 2, 3], /got a list of 3; predict takes one at a time: await Promise\.all/],
  ])('%j', async (raw, message) => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    await expectError('INPUT_INVALID', message, () => model.predict(raw as never))
  })
  test('a tensor in place of tensors by name, and outputs that are missing', async () => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    const [spec] = model.inputs
    const one = tensor('float32', [1], [1, 1, 1, 1])
    await expectError('INPUT_INVALID', new RegExp(`got a tensor; pass \\{ ${spec!.name}: tensor \\}`), () =>
      model.run(one as never),
    )
    await expectError('INPUT_INVALID', /postprocess: expected output \w+, got nothing/, () =>
      model.postprocess(undefined as never, undefined as never),
    )
  })
  test('the manifest and its signature can be read', async () => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    const { dims, inputs, outputs, states } = model.manifest!
    expect(model.signature).toEqual({ dims, inputs, outputs, states })
    expect(Object.keys(dims).length).toBeGreaterThan(0)
  })
  test('numbers in place of a tensor', async () => {
    await using model = await loadModel(await makeBundle('upsample', withPipeline), { backend })
    const [spec] = model.inputs
    await expectError('INPUT_INVALID', /got Array; make a tensor of numbers with tensor\('float32', data, \[/, () =>
      model.run({ [spec!.name]: [1, 2, 3] as never }),
    )
  })
})

describe('goldens with a picture', () => {
  /** A bundle whose goldens hold every stage of one picture; `spoil` may change one of them. */
  async function bundleWithPicture(spoil: (tensors: Record<string, Tensor>) => void = () => undefined) {
    const files = await makeBundle('upsample', withPipeline)
    await using model = await loadModel(files, { backend, verify: 'off' })
    const file = await encodeImage(picture)
    const { inputs, context } = await model.preprocess(file)
    const outputs = await model.run(inputs)
    const result = (await model.postprocess(outputs, context)) as RawImage
    const tensors: Record<string, Tensor> = {
      'p/decoded': tensor('uint8', picture.data, [2, 3, 1]),
      'p/result': reshape(tensor('uint8', result.data), [result.height, result.width, -1]),
    }
    for (const [name, value] of Object.entries(inputs)) tensors[`p/inputs.${name}`] = value
    for (const [name, value] of Object.entries(outputs)) tensors[`p/outputs.${name}`] = value
    spoil(tensors)
    const goldens = writeSafetensors(tensors)
    const manifest = JSON.parse(new TextDecoder().decode(files.get('bundle.json')))
    manifest.goldens.file = listed('goldens.safetensors', goldens)
    manifest.goldens.cases = [
      { name: 'p', raw: listed('p.png', file), stages: ['decoded', 'inputs', 'outputs', 'result'] },
    ]
    files.set('goldens.safetensors', goldens).set('p.png', file)
    files.set('bundle.json', new TextEncoder().encode(JSON.stringify(manifest)))
    expect(readSafetensors(goldens).size).toBe(5)
    return files
  }
  const spoilFirst = (key: string) => (tensors: Record<string, Tensor>) => {
    const found = Object.keys(tensors).find((name) => name.startsWith(key))!
    const data = tensors[found]!.data.slice() as Float32Array<ArrayBuffer>
    data[0]! += 1
    tensors[found] = { ...tensors[found]!, data } as Tensor
  }

  test('are compared in every stage', async () => {
    await using model = await loadModel(await bundleWithPicture(), { backend })
    expect(model.report.verify.cases).toEqual([
      { name: 'p', stages: { decoded: 0, inputs: 0, outputs: 0, result: 0 }, skipped: null },
    ])
  })
  test.each([
    ['p/decoded', 'decoded', /the decoded picture: 1 of 6 elements are off, the worst at 0: expected 1, got 0/],
    ['p/result', 'result', /result: 1 of \d+ elements are off/],
    ['p/outputs', 'outputs', /output \w+: 1 of \d+ elements are off/],
  ])('a difference in %s names the stage', async (key, stage, message) => {
    const files = await bundleWithPicture(spoilFirst(key))
    const error = await expectError('VERIFICATION_FAILED', message, () => loadModel(files, { backend }))
    expect(error.details).toMatchObject({ case: 'p', stage })
  })
  test('a model without a picture has goldens of its labels', async () => {
    const files = await makeBundle('general')
    const manifest = JSON.parse(new TextDecoder().decode(files.get('bundle.json')))
    const score = 1 / (1 + Math.exp(-1))
    const withResult = async (index: bigint) => {
      const tensors = Object.fromEntries(readSafetensors(files.get('goldens.safetensors')!))
      tensors['1x2/result.indices'] = tensor('int64', [index], [1])
      tensors['1x2/result.scores'] = tensor('float32', [score], [1])
      const goldens = writeSafetensors(tensors)
      manifest.goldens.file = listed('goldens.safetensors', goldens)
      manifest.goldens.cases = [{ name: '1x2', stages: ['inputs', 'outputs', 'result'] }]
      manifest.postprocess = [{ from: ['sum'], steps: [{ op: 'softmax' }, { op: 'top_k', k: 1 }], to: 'labels' }]
      const content = new TextEncoder().encode(JSON.stringify(manifest))
      return new Map(files).set('goldens.safetensors', goldens).set('bundle.json', content)
    }
    await using model = await loadModel(await withResult(1n), { backend })
    expect(model.report.verify.cases[0]!.stages).toEqual({ outputs: 0, result: expect.closeTo(0, 6) })
    const wrong = await withResult(0n)
    await expectError('VERIFICATION_FAILED', /golden 1x2, result\.indices: 1 of 1/, () => loadModel(wrong, { backend }))
  })
  test('several pictures and a tensor beside them are one case', async () => {
    const files = await makeBundle('general', (manifest) => {
      manifest.inputs[0].shape = ['batch', 1, 1, 'features']
      manifest.inputs[1].shape = ['batch', 1, 1, 1]
      manifest.dims.features = { min: 1, max: 16 }
      const end = [steps.decode, steps.toTensor]
      manifest.preprocess = [
        { raw: 'left', steps: end, to: ['input'] },
        { raw: 'right', steps: end, to: ['offset'] },
      ]
      manifest.outputs[0].shape = ['batch', 1, 1, 'features']
    })
    const left: RawImage = { mode: 'L', width: 1, height: 1, data: Uint8Array.of(255) }
    const right: RawImage = { mode: 'L', width: 1, height: 1, data: Uint8Array.of(51) }
    const manifest = JSON.parse(new TextDecoder().decode(files.get('bundle.json')))
    const pngs = { left: await encodeImage(left), right: await encodeImage(right) }
    const withDecoded = (pixel: number) => {
      const goldens = writeSafetensors({
        'p/decoded.left': tensor('uint8', left.data, [1, 1, 1]),
        'p/decoded.right': tensor('uint8', [pixel], [1, 1, 1]),
        'p/inputs.input': tensor('float32', [1], [1, 1, 1, 1]),
        'p/inputs.offset': tensor('float32', [0.2], [1, 1, 1, 1]),
        'p/inputs.pairs': tensor('float32', [0, 1], [2]),
        'p/outputs.paired': tensor('float32', [2, 3], [2]),
      })
      const raws = { left: listed('l.png', pngs.left), right: listed('r.png', pngs.right) }
      manifest.goldens.file = listed('goldens.safetensors', goldens)
      manifest.goldens.cases = [{ name: 'p', raws, stages: ['decoded', 'inputs', 'outputs'] }]
      const content = new TextEncoder().encode(JSON.stringify(manifest))
      return new Map(files)
        .set('goldens.safetensors', goldens)
        .set('l.png', pngs.left)
        .set('r.png', pngs.right)
        .set('bundle.json', content)
    }
    await using model = await loadModel(withDecoded(51), { backend })
    expect(model.report.verify.cases).toEqual([
      { name: 'p', stages: { decoded: 0, inputs: 0, outputs: 0 }, skipped: null },
    ])
    await expectError('VERIFICATION_FAILED', /the decoded picture right: 1 of 1 elements are off/, () =>
      loadModel(withDecoded(52), { backend }),
    )
  })
  test('a golden that the file lacks is the bundle’s fault', async () => {
    const files = await makeBundle('general', (manifest) => {
      manifest.goldens.cases = [{ name: 'nothing' }]
    })
    await expectError('BUNDLE_INVALID', /no tensor nothing\/outputs\./, () => loadModel(files, { backend }))
  })
})

test('timeoutMs of loadModel and run', async () => {
  const files = await makeBundle('slow', (manifest) => (manifest.goldens = null))
  await using model = await loadModel(files, { backend })
  const input = tensor('float32', new Float32Array(64), [64, 1])
  await expectError('TIMED_OUT', /timeoutMs = 1/, () => model.run({ input }, { timeoutMs: 1 }))
})
