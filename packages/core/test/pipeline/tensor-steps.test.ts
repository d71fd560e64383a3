import { describe, expect, test } from 'vitest'
import { fromNested } from '../../src/nested.ts'
import { clamp, type ImageMode, normalize, softmax, topK, toTensor } from '../../src/pipeline/index.ts'
import { elementCount, type Tensor, tensor } from '../../src/tensor.ts'
import { messageOf } from './errors.ts'
import { digest, type FloatKind, floats, type PictureKind, picture, readGoldens } from './pictures.ts'

test('to_tensor equals torchvision: 320 cases', () => {
  const { cases } = readGoldens<[PictureKind, number, number, number, ImageMode, golden: string]>('to_tensor.json')
  const different = cases.filter(([kind, seed, height, width, mode, golden]) => {
    const { shape, data } = toTensor(picture(kind, seed, height, width, mode))
    expect(shape).toEqual([mode === 'L' ? 1 : 3, height, width])
    return digest(data) !== golden
  })
  expect(cases.length).toBe(320)
  expect(different).toEqual([])
})

describe('normalize', () => {
  test('equals torchvision: 320 cases', () => {
    type Row = [FloatKind | 'pixels', number, number, number, channels: number, number[], number[], golden: string]
    const { cases } = readGoldens<Row>('normalize.json')
    const different = cases.filter(([values, seed, height, width, channels, mean, std, golden]) => {
      const value =
        values === 'pixels'
          ? toTensor(picture('noise', seed, height, width, channels === 3 ? 'RGB' : 'L'))
          : tensor('float32', floats(values, seed, channels * height * width), [channels, height, width])
      return digest(normalize(value, { mean, std }).data) !== golden
    })
    expect(cases.length).toBe(320)
    expect(different).toEqual([])
  })

  test('each image of a batch alike', () => {
    const options = { mean: [0.1, 0.2], std: [0.3, 0.4] }
    const data = floats('unit', 3, 24)
    const batch = normalize(tensor('float32', data, [2, 2, 2, 3]), options).data
    const each = [0, 12].map((at) => normalize(tensor('float32', data.slice(at, at + 12), [2, 2, 3]), options).data)
    expect([...batch]).toEqual([...each[0]!, ...each[1]!])
  })

  const value = toTensor(picture('noise', 1, 2, 2))
  test.each([
    ['two means for three channels', value, { mean: [0, 0], std: [1, 1, 1] }, /3 means and 3 stds.*got \[0, 0\]/],
    ['a std of zero', value, { mean: [0, 0, 0], std: [1, 0, 1] }, /other than 0/],
    ['two dimensions', tensor('float32', [1, 2], [1, 2]), { mean: [0], std: [1] }, /got \[1, 2\]/],
    ['an image', picture('noise', 1, 2, 2), { mean: [0], std: [1] }, /expected a float32 tensor, got Object/],
    ['another dtype', tensor('float64', [1], [1, 1, 1]), { mean: [0], std: [1] }, /got a tensor float64\[1,1,1\]/],
  ])('refuses %s', async (_, input, options, expected) => {
    expect(await messageOf('INPUT_INVALID', () => normalize(input as Tensor<'float32'>, options))).toMatch(expected)
  })
})

test('clamp equals torch, NaN, infinities and -0 included: 320 cases', () => {
  const { cases } =
    readGoldens<[FloatKind, number, count: number, min: number, max: number, golden: string]>('clamp.json')
  const different = cases.filter(([values, seed, count, min, max, golden]) => {
    const { data } = clamp(tensor('float32', floats(values, seed, count), [count]), { min, max })
    // NaN has many bit patterns: the goldens hold 7 in its place.
    return digest(data.map((element) => (Number.isNaN(element) ? 7 : element))) !== golden
  })
  expect(cases.length).toBe(320)
  expect(different).toEqual([])
})

describe('softmax', () => {
  const { cases } = readGoldens<[FloatKind, number, shape: number[], axis: number, base64: string]>('softmax.json')

  test('is within a relative 1e-6 and an absolute 4e-7 of torch: 320 cases', () => {
    let relative = 0
    let absolute = 0
    let count = 0
    for (const [values, seed, shape, axis, base64] of cases) {
      const bytes = Uint8Array.from(Buffer.from(base64, 'base64'))
      const golden = new Float32Array(bytes.buffer)
      const { data } = softmax(tensor('float32', floats(values, seed, elementCount(shape)), shape), { axis })
      expect(data.length).toBe(golden.length)
      for (let i = 0; i < data.length; i++, count++) {
        const difference = Math.abs(data[i]! - golden[i]!)
        absolute = Math.max(absolute, difference)
        relative = Math.max(relative, difference / golden[i]!)
      }
    }
    expect(cases.length).toBe(320)
    expect(count).toBeGreaterThan(5000)
    expect(relative).toBeLessThan(1e-6)
    expect(absolute).toBeLessThan(4e-7)
  })

  test('large logits do not overflow; the last axis is the default', () => {
    const { data } = softmax(
      fromNested('float32', [
        [1000, 1000],
        [-1000, 0],
      ]) as Tensor<'float32'>,
    )
    expect([...data]).toEqual([0.5, 0.5, 0, 1])
  })

  test('refuses an axis that is not there', async () => {
    const value = tensor('float32', [1, 2], [1, 2])
    expect(await messageOf('INPUT_INVALID', () => softmax(value, { axis: 2 }))).toMatch(/axis 2 is not one of \[1, 2\]/)
    expect(await messageOf('INPUT_INVALID', () => softmax(value, { axis: -3 }))).toMatch(/axis -3/)
  })
})

describe('top_k', () => {
  test('orders as torch.sort(descending, stable), ties and NaN included: 320 cases', () => {
    const { cases } = readGoldens<[FloatKind, number, classes: number, k: number, indices: number[]]>('top_k.json')
    const different = cases.filter(([values, seed, classes, k, indices]) => {
      const best = topK(tensor('float32', floats(values, seed, classes), [1, classes]), { k })
      return best.map(({ index }) => index).join() !== indices.join()
    })
    expect(cases.length).toBe(320)
    expect(different).toEqual([])
  })

  test('gives labels and scores; all classes when k is larger', () => {
    const scores = tensor('float32', [0.25, 0.5, 0.25], [3])
    expect(topK(scores, { k: 9 }, ['cat', 'dog', 'owl'])).toEqual([
      { label: 'dog', index: 1, score: 0.5 },
      { label: 'cat', index: 0, score: 0.25 },
      { label: 'owl', index: 2, score: 0.25 },
    ])
    expect(topK(scores, { k: 1 })).toEqual([{ label: '1', index: 1, score: 0.5 }])
  })

  test('refuses labels that do not match, and a batch', async () => {
    const scores = tensor('float32', [0.25, 0.5], [2])
    expect(await messageOf('INPUT_INVALID', () => topK(scores, { k: 1 }, ['cat']))).toMatch(/2 classes and 1 labels/)
    const batch = tensor('float32', [1, 2, 3, 4], [2, 2])
    expect(await messageOf('INPUT_INVALID', () => topK(batch, { k: 1 }))).toMatch(/got \[2, 2\]/)
  })
})
