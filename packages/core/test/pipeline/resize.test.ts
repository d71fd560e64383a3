import { describe, expect, test } from 'vitest'
import type { ImageMode, Interpolation } from '../../src/pipeline/index.ts'
import { type RawImage, resize } from '../../src/pipeline/index.ts'
import { scalarLoops } from '../../src/pipeline/loops/scalar-loops.ts'
import { compileSimdLoops } from '../../src/pipeline/loops/simd-loops.ts'
import { resizeWith } from '../../src/pipeline/steps/image/resize.ts'
import { messageOf } from './errors.ts'
import { digest, type PictureKind, picture, readGoldens } from './pictures.ts'

type Picture = [kind: PictureKind, seed: number, height: number, width: number, mode: ImageMode]

const LOOPS = { TypeScript: scalarLoops, WebAssembly: await compileSimdLoops() }

describe('resize equals Pillow', () => {
  const { cases } =
    readGoldens<[...Picture, outHeight: number, outWidth: number, Interpolation, legacy: string, newest: string]>(
      'resize.json',
    )

  test.each([
    ['legacy', 'TypeScript'],
    ['13', 'TypeScript'],
    ['legacy', 'WebAssembly'],
    ['13', 'WebAssembly'],
  ] as const)('pass order %s in %s: 720 cases, six kernels, L, RGB and RGBA', (order, loops) => {
    const different = cases.filter(
      ([kind, seed, height, width, mode, outHeight, outWidth, interpolation, legacy, newest]) => {
        const options = { size: [outHeight, outWidth], interpolation, pillow_pass_order: order } as const
        const resized = resizeWith(picture(kind, seed, height, width, mode), options, LOOPS[loops])
        return digest(resized.data) !== (order === 'legacy' ? legacy : newest)
      },
    )
    expect(cases.length).toBe(720)
    expect(different).toEqual([])
  })

  test('the goldens tell the two pass orders apart', () => {
    expect(cases.filter((row) => row.at(-1) !== row.at(-2)).length).toBeGreaterThan(80)
  })

  test('the newest order is the default', () => {
    const [kind, seed, height, width, mode, outHeight, outWidth, interpolation, , newest] = cases.find(
      (row) => row.at(-1) !== row.at(-2),
    )!
    const resized = resize(picture(kind, seed, height, width, mode), { size: [outHeight, outWidth], interpolation })
    expect(digest(resized.data)).toBe(newest)
  })
})

test('a number is the shorter edge, as torchvision: 320 cases', () => {
  const { cases } = readGoldens<[...Picture, size: number, Interpolation, golden: string]>('resize_rule.json')
  const different = cases.filter(([kind, seed, height, width, mode, size, interpolation, golden]) => {
    const resized = resize(picture(kind, seed, height, width, mode), { size, interpolation })
    return digest(`[${resized.width}, ${resized.height}]`, resized.data) !== golden
  })
  expect(cases.length).toBe(320)
  expect(different).toEqual([])
})

describe('refused', () => {
  const options = { size: 8, interpolation: 'bilinear' } as const
  test.each([
    ['no image', undefined, /got undefined/],
    ['a file', new Uint8Array(4), /got Uint8Array/],
    ['data that do not fit', { ...picture('noise', 1, 4, 5), width: 6 }, /6 x 4 and 60 bytes/],
    ['an unknown mode', { ...picture('noise', 1, 4, 5), mode: 'CMYK' }, /mode: 'L' \| 'RGB' \| 'RGBA'/],
    ['no pixels', { mode: 'L', width: 0, height: 3, data: new Uint8Array(0) }, /got 0 x 3/],
  ])('%s', async (_, image, expected) => {
    expect(await messageOf('INPUT_INVALID', () => resize(image as RawImage, options))).toMatch(expected)
  })

  test('an output of more pixels than Pillow takes', async () => {
    const thin = picture('noise', 1, 1, 400)
    expect(await messageOf('INPUT_INVALID', () => resize(thin, { size: 1000, interpolation: 'nearest' }))).toMatch(
      /400 x 1 would become 400000 x 1000, more than 178956970 pixels/,
    )
  })
})
