import { decodeImage, tensor } from '@tensorferry/core'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { COLORS } from './src/pictures/color-map.ts'
import { rangeOf, tensorPicture } from './src/pictures/tensor-picture.ts'
import { turned } from './src/pictures/turned.ts'

const color = (level: number): number[] => [...COLORS.subarray(level * 4, level * 4 + 4)]
const pixel = ({ data }: { readonly data: Uint8ClampedArray }, index: number): number[] => [
  ...data.subarray(index * 4, index * 4 + 4),
]

test('the smallest value is dark, the largest light; infinities are ends, NaN is gray', () => {
  const values = tensor(
    'float32',
    [-2, 0, 2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
    [1, 2, 3],
  )
  const range = rangeOf(values)
  expect(range).toEqual({ min: -2, max: 2 })
  const picture = tensorPicture(values, range)
  expect([picture.width, picture.height]).toEqual([3, 2])
  expect([0, 1, 2, 3, 4].map((index) => pixel(picture, index))).toEqual([0, 128, 255, 255, 0].map(color))
  expect(pixel(picture, 5)).toEqual([128, 128, 128, 255])
  expect([color(0), color(255)]).toEqual([
    [68, 1, 84, 255],
    [253, 231, 37, 255],
  ])
})

test('channels lie in a grid, a vector is one row, a large tensor is shown in part', () => {
  const sizeOf = (shape: number[]): number[] => {
    const values = tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)
    const { width, height, data } = tensorPicture(values, rangeOf(values))
    expect(data.length).toBe(width * height * 4)
    return [width, height]
  }
  expect(sizeOf([1, 3, 4, 5])).toEqual([10, 8])
  expect(sizeOf([1, 64, 2, 2])).toEqual([8, 8])
  expect(sizeOf([1, 10])).toEqual([10, 1])
  expect(sizeOf([7])).toEqual([7, 1])
  expect(sizeOf([1, 1, 1536, 1024])).toEqual([342, 512])
})

test('the second channel is beside the first', () => {
  const values = tensor('float32', [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 2, 2])
  const picture = tensorPicture(values, { min: 0, max: 1 })
  expect([0, 1, 2, 3].map((index) => pixel(picture, index))).toEqual([0, 0, 255, 255].map(color))
})

test.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i: the pixels that sharp turns', async (orientation) => {
  const levels = Uint8Array.from({ length: 5 * 3 * 3 }, (_, index) => (index * 37) % 256)
  const raw = sharp(levels, { raw: { width: 5, height: 3, channels: 3 } })
  const file = await raw.png().withMetadata({ orientation }).toBuffer()
  const image = turned(await decodeImage(file), orientation)
  const { data, info } = await sharp(file).rotate().raw().toBuffer({ resolveWithObject: true })
  expect([image.width, image.height, [...image.data]]).toEqual([info.width, info.height, [...data]])
})
