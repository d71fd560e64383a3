import { describe, expect, test } from 'vitest'
import {
  centerCrop,
  convertImage,
  type ImageMode,
  type Interpolation,
  mergeYcbcr,
  type Quantization,
  type Size,
  splitYcbcr,
  toImage,
} from '../../src/pipeline/index.ts'
import { toUint8 } from '../../src/pipeline/steps/image/to-uint8.ts'
import { rgbFromPlanes } from '../../src/pipeline/steps/image/ycbcr.ts'
import { tensor } from '../../src/tensor.ts'
import { messageOf } from './errors.ts'
import { digest, type FloatKind, floats, type PictureKind, picture, pixels, readGoldens } from './pictures.ts'

type Picture = [kind: PictureKind, seed: number, height: number, width: number]

/** Every 5th of the 2^24 colours. */
function allColors() {
  const count = Math.ceil(2 ** 24 / 5)
  const data = new Uint8Array(count * 3)
  for (let i = 0; i < count; i++) data.set([i * 5, (i * 5) >> 8, (i * 5) >> 16], i * 3)
  return { mode: 'RGB', width: count, height: 1, data } as const
}

describe('convert_image equals Pillow', () => {
  type Row = [...Picture, from: ImageMode, to: 'L' | 'RGB', golden: string]
  const { cases, all_colors } = readGoldens<Row, { all_colors: Record<'luma' | 'to_ycbcr' | 'to_rgb', string> }>(
    'convert_image.json',
  )

  test('400 cases', () => {
    const different = cases.filter(([kind, seed, height, width, from, to, golden]) => {
      return digest(convertImage(picture(kind, seed, height, width, from), { mode: to }).data) !== golden
    })
    expect(cases.length).toBe(400)
    expect(different).toEqual([])
  })

  test('3.4 million colours to L, to YCbCr and back', () => {
    const colors = allColors()
    expect(digest(convertImage(colors, { mode: 'L' }).data)).toBe(all_colors.luma)
    const { Y, Cb, Cr } = splitYcbcr(colors)
    const interleaved = new Uint8Array(colors.data.length)
    const asPlanes = [Y, Cb, Cr].map((plane, channel) => {
      const levels = new Uint8Array(colors.width)
      for (let i = 0; i < levels.length; i++) {
        interleaved[i * 3 + channel] = plane.data[i]!
        levels[i] = colors.data[i * 3 + channel]!
      }
      return { ...plane, data: levels }
    })
    expect(digest(interleaved)).toBe(all_colors.to_ycbcr)
    expect(digest(rgbFromPlanes(asPlanes[0]!, asPlanes[1]!, asPlanes[2]!).data)).toBe(all_colors.to_rgb)
  })
})

test('split_ycbcr equals Pillow: 320 cases', () => {
  const { cases } = readGoldens<[...Picture, golden: string]>('split_ycbcr.json')
  const different = cases.filter(([kind, seed, height, width, golden]) => {
    const { Y, Cb, Cr } = splitYcbcr(picture(kind, seed, height, width))
    return digest(Y.data, Cb.data, Cr.data) !== golden
  })
  expect(cases.length).toBe(320)
  expect(different).toEqual([])
})

test('split_ycbcr takes RGB alone', async () => {
  expect(await messageOf('INPUT_INVALID', () => splitYcbcr(picture('noise', 1, 3, 3, 'L')))).toBe(
    'split_ycbcr: expected an image of mode RGB, got L; put convert_image before it',
  )
})

describe('merge_ycbcr', () => {
  type Row = [...Picture, FloatKind, number, number, Interpolation, Quantization, legacy: string, newest: string]
  const { cases } = readGoldens<Row>('merge_ycbcr.json')

  test.each(['legacy', '13'] as const)('equals Pillow %s and the tutorial: 480 cases', (order) => {
    const different = cases.filter(
      ([kind, seed, height, width, values, outHeight, outWidth, upscale, quantize, legacy, newest]) => {
        const luma = tensor('float32', floats(values, seed, outHeight * outWidth), [1, 1, outHeight, outWidth])
        const chroma = pixels(kind, seed, height, width, 2)
        const plane = (channel: number) =>
          ({ mode: 'L', height, width, data: chroma.filter((_, index) => index % 2 === channel) }) as const
        const merged = mergeYcbcr(luma, { Cb: plane(0), Cr: plane(1) }, { upscale, quantize, pillow_pass_order: order })
        return digest(merged.data) !== (order === 'legacy' ? legacy : newest)
      },
    )
    expect(cases.length).toBe(480)
    expect(different).toEqual([])
  })

  test('takes [height, width], [1, height, width] and [1, 1, height, width]; refuses a batch', async () => {
    const chroma = { Cb: picture('noise', 1, 2, 3, 'L'), Cr: picture('noise', 2, 2, 3, 'L') }
    const options = { upscale: 'bicubic', quantize: 'truncate' } as const
    const merged = [
      [4, 6],
      [1, 4, 6],
      [1, 1, 4, 6],
    ].map((shape) => digest(mergeYcbcr(tensor('float32', floats('unit', 1, 24), shape), chroma, options).data))
    expect(new Set(merged).size).toBe(1)
    const batch = tensor('float32', floats('unit', 1, 48), [2, 1, 4, 6])
    expect(await messageOf('INPUT_INVALID', () => mergeYcbcr(batch, chroma, options))).toMatch(/got \[2, 1, 4, 6\]/)
    const colour = { ...chroma, Cr: picture('noise', 2, 2, 3, 'RGB') }
    const luma = tensor('float32', floats('unit', 1, 24), [4, 6])
    expect(await messageOf('INPUT_INVALID', () => mergeYcbcr(luma, colour, options))).toMatch(/mode L, got RGB/)
  })
})

describe('center_crop', () => {
  type Row = [...Picture, mode: ImageMode, size: Size, rounding: 'torchvision' | 'transformers', golden: string]
  const { cases } = readGoldens<Row>('center_crop.json')

  test.each(['torchvision', 'transformers'] as const)('equals %s: 320 cases, larger and smaller', (library) => {
    const rows = cases.filter((row) => row[6] === library)
    const different = rows.filter(([kind, seed, height, width, mode, size, rounding, golden]) => {
      return digest(centerCrop(picture(kind, seed, height, width, mode), { size, rounding }).data) !== golden
    })
    expect(rows.length).toBe(320)
    expect(different).toEqual([])
  })

  test('torchvision rounds half to even, transformers down', () => {
    const image = { mode: 'L', height: 1, width: 4, data: Uint8Array.of(10, 20, 30, 40) } as const
    const left = (width: number, size: number, rounding: 'torchvision' | 'transformers') =>
      centerCrop({ ...image, width, data: image.data.slice(0, width) }, { size: [1, size], rounding }).data[0]
    expect([left(4, 1, 'torchvision'), left(4, 1, 'transformers')]).toEqual([30, 20])
    expect([left(4, 3, 'torchvision'), left(4, 3, 'transformers')]).toEqual([10, 10])
  })
})

describe('to_uint8', () => {
  test('equals torchvision and numpy: 320 cases', () => {
    type Row = [...Picture, mode: ImageMode, layout: 'chw' | 'hwc', golden: string]
    const { cases } = readGoldens<Row>('to_uint8.json')
    const different = cases.filter(([kind, seed, height, width, mode, layout, golden]) => {
      return digest(toUint8(picture(kind, seed, height, width, mode), { layout }).data) !== golden
    })
    expect(cases.length).toBe(320)
    expect(different).toEqual([])
  })

  test('channels first or last; the memory is not the picture’s', () => {
    const image = { mode: 'RGB', height: 1, width: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) } as const
    const [first, last] = [toUint8(image, { layout: 'chw' }), toUint8(image, { layout: 'hwc' })]
    expect([first.shape, [...first.data]]).toEqual([
      [3, 1, 2],
      [1, 4, 2, 5, 3, 6],
    ])
    expect([last.shape, [...last.data]]).toEqual([
      [1, 2, 3],
      [1, 2, 3, 4, 5, 6],
    ])
    last.data[0] = 9
    expect(image.data[0]).toBe(1)
  })
})

describe('to_image', () => {
  test('equals numpy in float32: 400 cases', () => {
    type Row = [FloatKind, seed: number, height: number, width: number, channels: number, Quantization, golden: string]
    const { cases } = readGoldens<Row>('to_image.json')
    const different = cases.filter(([values, seed, height, width, channels, quantize, golden]) => {
      const data = floats(values, seed, channels * height * width)
      return digest(toImage(tensor('float32', data, [1, channels, height, width]), { quantize }).data) !== golden
    })
    expect(cases.length).toBe(400)
    expect(different).toEqual([])
  })

  test('clips infinities, makes NaN 0, rounds half to even', () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5 / 255, 1.5 / 255, 2.5 / 255]
    const value = tensor('float32', values, [1, 1, 6])
    expect([...toImage(value, { quantize: 'round' }).data]).toEqual([0, 255, 0, 0, 2, 2])
    expect([...toImage(value, { quantize: 'truncate' }).data]).toEqual([0, 255, 0, 0, 1, 2])
  })

  test.each([[[2, 3, 4, 4]], [[2, 4, 4]], [[4, 4]], [[3, 0, 4]]])('refuses shape %j', async (shape) => {
    const value = tensor('float32', new Float32Array(shape.reduce((a, b) => a * b)), shape)
    expect(await messageOf('INPUT_INVALID', () => toImage(value, { quantize: 'round' }))).toMatch(/^to_image: expected/)
  })
})
