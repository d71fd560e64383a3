import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  createStepContext,
  type Interpolation,
  type PostprocessStepInput,
  type PreprocessStepInput,
  planPostprocess,
  planPreprocess,
  type RawImage,
  type StepResult,
  splitYcbcr,
} from '../../src/pipeline/index.ts'
import { rgbFromPlanes } from '../../src/pipeline/steps/image/ycbcr.ts'
import { nodeImageCodecs } from '../../src/platform/image-codecs-node.ts'
import { tensor } from '../../src/tensor.ts'
import { messageOf } from './errors.ts'
import { counters, digest, floats, GOLDENS, picture } from './pictures.ts'

const contextOf = (labels: readonly string[] | null = null) => createStepContext(nodeImageCodecs, labels)
const photo = new Uint8Array(readFileSync(new URL('photo.jpg', GOLDENS)))

const CLASSIFIER: PreprocessStepInput[] = [
  { op: 'decode_image', mode: 'RGB' },
  { op: 'resize', size: 64, interpolation: 'bilinear' },
  { op: 'center_crop', size: 56 },
  { op: 'to_tensor' },
  { op: 'normalize', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
]

describe('fusing', () => {
  test('joins resize with center_crop and to_tensor with normalize', () => {
    expect(planPreprocess(CLASSIFIER).groups).toEqual(['decode_image', 'resize+center_crop', 'to_tensor+normalize'])
    expect(planPreprocess(CLASSIFIER, { fuse: false }).groups).toEqual(CLASSIFIER.map(({ op }) => op))
    const apart: PreprocessStepInput[] = [
      { op: 'center_crop', size: 8 },
      { op: 'resize', size: 8, interpolation: 'box' },
      { op: 'to_tensor' },
    ]
    expect(planPreprocess(apart).groups).toEqual(['center_crop', 'resize', 'to_tensor'])
  })

  test('fused equals unfused to the last bit: 600 cases', async () => {
    const interpolations: Interpolation[] = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos']
    const different = []
    let padded = 0
    for (let seed = 0; seed < 600; seed++) {
      const draws = counters(seed + 9000, 12)
      const draw = (index: number, low: number, high: number) => low + (draws[index]! % (high - low + 1))
      const channels = seed % 2 ? 3 : 1
      const size = draw(0, 0, 1) ? draw(1, 1, 60) : ([draw(1, 1, 60), draw(2, 1, 60)] as [number, number])
      const crop: [number, number] = [draw(3, 1, 50), draw(4, 1, 50)]
      const steps: PreprocessStepInput[] = [
        {
          op: 'resize',
          size,
          interpolation: interpolations[draw(5, 0, 5)]!,
          pillow_pass_order: draw(6, 0, 1) ? 'legacy' : '13',
        },
        { op: 'center_crop', size: crop, rounding: draw(7, 0, 1) ? 'torchvision' : 'transformers' },
        { op: 'to_tensor' },
        {
          op: 'normalize',
          mean: Array.from({ length: channels }, (_, i) => draw(8, 0, 1000) / 1000 + i / 7),
          std: Array.from({ length: channels }, (_, i) => draw(9, 1, 1000) / 1000 + i / 9),
        },
      ]
      const image = picture('noise', seed, draw(10, 1, 70), draw(11, 1, 70), channels === 3 ? 'RGB' : 'L')
      const run = (fuse: boolean) => planPreprocess(steps, { fuse }).run(image, contextOf())
      const [fused, plain] = [await run(true), await run(false)]
      if (typeof size !== 'number' && (crop[0] > size[0] || crop[1] > size[1])) padded++
      if (digest(fused.data) !== digest(plain.data) || String(fused.shape) !== String(plain.shape)) different.push(seed)
    }
    expect(different).toEqual([])
    expect(padded).toBeGreaterThan(100)
  })
})

describe('a run', () => {
  test('from a file: the tensor, the size in the context, each step', async () => {
    const context = contextOf()
    const seen: StepResult[] = []
    const onStep = (result: StepResult) => void seen.push(result)
    const value = await planPreprocess(CLASSIFIER).run(photo, context, { onStep })
    expect(value.shape).toEqual([3, 56, 56])
    expect(context.originalSize).toEqual({ width: 144, height: 96 })
    expect(seen.map(({ op, step }) => [op, step === null])).toEqual([
      ['decode_image', false],
      ['resize+center_crop', true],
      ['to_tensor+normalize', true],
    ])
    expect(seen[0]!.value).toEqual(await nodeImageCodecs.decode(photo, 'RGB'))
    expect(seen[2]!.value).toBe(value)
  })

  test('pixels of the caller: later writes do not show, they stay as they are, and a watcher gets a copy', async () => {
    // The large one waits for WebAssembly the first time, and does not the second time.
    for (const [height, width] of [
      [70, 90],
      [600, 700],
      [600, 700],
    ] as const) {
      for (const resizing of [CLASSIFIER, CLASSIFIER.filter(({ op }) => op !== 'center_crop')]) {
        const plan = planPreprocess(resizing)
        const image = picture('noise', 5, height, width, 'RGB')
        const rgba = new Uint8ClampedArray(height * width * 4)
        for (let at = 0; at < rgba.length; at++) rgba[at] = at % 4 === 3 ? 255 : image.data[(at >> 2) * 3 + (at % 4)]!
        const before = digest(image.data)
        const context = contextOf()
        const running = plan.run(image, context)
        expect(digest(image.data)).toBe(before)
        image.data.fill(0)
        const canvas = plan.run({ width, height, data: rgba }, contextOf())
        rgba.fill(0)
        const same = picture('noise', 5, height, width, 'RGB')
        const seen: StepResult[] = []
        const watched = await plan.run(same, contextOf(), { onStep: (result) => void seen.push(result) })
        expect(seen.map(({ op }) => op)).toEqual(plan.groups)
        expect((seen[0]!.value as RawImage).data.buffer).not.toBe(same.data.buffer)
        expect(digest((await running).data)).toBe(digest(watched.data))
        expect(digest((await canvas).data)).toBe(digest(watched.data))
        expect(context.originalSize).toEqual({ width, height })
      }
    }
  })

  test('pixels that do not fit their size are refused, also right before resizing', async () => {
    const image = { ...picture('noise', 5, 8, 9, 'RGB'), width: 10 }
    const [error, code] = await planPreprocess(CLASSIFIER)
      .run(image, contextOf())
      .then(
        () => ['', ''],
        (reason) => [String(reason.message), reason.code],
      )
    expect(error).toMatch(/decode_image: expected width x height x 3 bytes for mode RGB, got 10 x 8 and 216 bytes/)
    expect(code).toBe('INPUT_INVALID')
  })

  test('apart: each step alone, the same numbers', async () => {
    const seen: string[] = []
    const onStep = ({ op }: StepResult) => void seen.push(op)
    const plan = planPreprocess(CLASSIFIER)
    const value = await plan.run(photo, contextOf(), { onStep, apart: true })
    expect(seen).toEqual(['decode_image', 'resize', 'center_crop', 'to_tensor', 'normalize'])
    expect(value).toEqual(await plan.run(photo, contextOf()))
  })

  test('super-resolution keeps the chroma in the context and merges it', async () => {
    const before = planPreprocess([
      { op: 'decode_image', mode: 'RGB' },
      { op: 'split_ycbcr', keep: ['Cb', 'Cr'] },
      { op: 'to_tensor' },
    ])
    const after = planPostprocess([
      { op: 'clamp', min: 0, max: 1 },
      { op: 'merge_ycbcr', upscale: 'bicubic', quantize: 'round' },
    ])
    const context = contextOf()
    const luma = await before.run(photo, context)
    expect(luma.shape).toEqual([1, 96, 144])
    const merged = after.run(luma, context) as RawImage
    // Y to float32 and back is exact, so what comes out is the round trip of the planes alone.
    const { Y, Cb, Cr } = splitYcbcr(await nodeImageCodecs.decode(photo, 'RGB'))
    expect(merged).toEqual(rgbFromPlanes(Y, Cb, Cr))
    expect(after.gives).toBe('image')
  })

  test('a plan runs twice with the same numbers, and leaves pixels of the caller alone', async () => {
    const plan = planPreprocess(CLASSIFIER)
    const image = picture('noise', 3, 80, 90)
    const before = digest(image.data)
    const [first, second] = [await plan.run(image, contextOf()), await plan.run(image, contextOf())]
    expect(digest(second.data)).toBe(digest(first.data))
    expect(digest(image.data)).toBe(before)
  })

  test('labels come from the context', () => {
    const plan = planPostprocess([{ op: 'softmax' }, { op: 'top_k', k: 1 }])
    const result = plan.run(tensor('float32', [1, 3, 2], [1, 3]), contextOf(['cat', 'dog', 'owl']))
    expect(result).toEqual([{ label: 'dog', index: 1, score: expect.closeTo(0.66524, 5) }])
    expect(plan.steps).toEqual([
      { op: 'softmax', axis: -1 },
      { op: 'top_k', k: 1 },
    ])
  })

  test('no postprocess steps: the output itself', () => {
    const output = tensor('float32', [1], [1])
    expect(planPostprocess([]).run(output, contextOf())).toBe(output)
  })
})

describe('refused', () => {
  const toTensor = { op: 'to_tensor' }
  const resize = { op: 'resize', size: 8, interpolation: 'bilinear' }
  test.each([
    ['an unknown op', [{ op: 'sharpen' }, toTensor], /^preprocess\[0\] \(sharpen\)\.op: .*"sharpen"/],
    ['a postprocess op', [{ op: 'softmax' }], /^preprocess\[0\] \(softmax\)\.op/],
    ['an unknown option', [{ ...resize, antialias: true }, toTensor], /^preprocess\[0\] \(resize\)\.antialias/],
    ['a missing option', [{ op: 'resize', size: 8 }, toTensor], /\(resize\)\.interpolation: .*received undefined/],
    ['a wrong value', [{ ...resize, interpolation: 'cubic' }, toTensor], /\(resize\)\.interpolation: .*"cubic"/],
    ['a size of zero', [{ ...resize, size: 0 }, toTensor], /\(resize\)\.size: .*Expected >=1 but received 0/],
    ['three sizes', [{ ...resize, size: [1, 2, 3] }, toTensor], /\(resize\)\.size: expected .* \[height, width\]/],
    ['another reference', [{ ...resize, reference: 'torch_uint8' }, toTensor], /only 'pillow' is supported as yet/],
    ['a mean that is no number', [toTensor, { op: 'normalize', mean: ['a'], std: [1] }], /\(normalize\)\.mean\.0/],
    ['no object', [null], /^preprocess\[0\] \(undefined\)/],
    ['no list', 'resize', /^preprocess: .*Array/],
    ['no steps', [], /last step must give a tensor, got no steps/],
    ['an image at the end', [resize], /last step must give a tensor, got resize/],
    [
      'an image step after to_tensor',
      [toTensor, resize],
      /^preprocess\[1\] \(resize\): takes image, and to_tensor before it is tensor/,
    ],
    [
      'decoding twice',
      [
        { op: 'decode_image', mode: 'L' },
        { op: 'decode_image', mode: 'L' },
      ],
      /\(decode_image\): takes file/,
    ],
  ])('preprocess: %s', async (_, steps, expected) => {
    expect(await messageOf('OPTIONS_INVALID', () => planPreprocess(steps as PreprocessStepInput[]))).toMatch(expected)
  })

  test.each([
    ['an unknown op', [{ op: 'argmax' }], /^postprocess\[0\] \(argmax\)\.op/],
    ['k of zero', [{ op: 'top_k', k: 0 }], /\(top_k\)\.k/],
    ['no quantize', [{ op: 'to_image' }], /\(to_image\)\.quantize/],
    [
      'a tensor step after an image',
      [{ op: 'to_image', quantize: 'round' }, { op: 'softmax' }],
      /takes tensor, and to_image before it is image/,
    ],
  ])('postprocess: %s', async (_, steps, expected) => {
    expect(await messageOf('OPTIONS_INVALID', () => planPostprocess(steps as PostprocessStepInput[]))).toMatch(expected)
  })

  test('merge_ycbcr without the kept planes', async () => {
    const plan = planPostprocess([{ op: 'merge_ycbcr', upscale: 'bicubic', quantize: 'round' }])
    const luma = tensor('float32', floats('unit', 1, 4), [1, 1, 2, 2])
    expect(await messageOf('INPUT_INVALID', () => plan.run(luma, contextOf()))).toBe(
      'merge_ycbcr: expected the planes Cb and Cr in the context, got none; preprocess with split_ycbcr and keep ["Cb", "Cr"], and hand its context on',
    )
    const half = { ...contextOf(), keptPlanes: { Cb: picture('noise', 1, 1, 1, 'L') } }
    expect(await messageOf('INPUT_INVALID', () => plan.run(luma, half))).toMatch(/got Cb;/)
  })

  test.each([true, false])('a mean for each of three channels on a gray image, fused %s', async (fuse) => {
    const gray: PreprocessStepInput[] = [{ op: 'decode_image', mode: 'L' }, ...CLASSIFIER.slice(3)]
    const message = await messageOf('INPUT_INVALID', () => planPreprocess(gray, { fuse }).run(photo, contextOf()))
    expect(message).toMatch(/^normalize: expected 1 means and 1 stds/)
  })
})
