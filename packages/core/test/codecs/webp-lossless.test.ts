import { describe, expect, test } from 'vitest'
import { bareWebp } from '../../src/codecs/bare-picture.ts'
import { decodeWebpLossless } from '../../src/codecs/webp-lossless.ts'
import { convertImage } from '../../src/pipeline/index.ts'
import { messageOf } from '../pipeline/errors.ts'
import { digest, readContainer, readGoldens } from '../pipeline/pictures.ts'

type Row = [file: string, kind: string, seed: number, height: number, width: number, mode: 'L' | 'RGB', golden: string]

const files = ['decode', 'decode_rare'].flatMap((name) => {
  const { cases } = readGoldens<Row>(`${name}.json`.replace('decode.json', 'decode_image.json'))
  return [...readContainer(`${name}.bin`)].flatMap((bytes, index) => {
    const row = cases[index]!
    if (!row[0].startsWith('webp-lossless')) return []
    const { lossless, hasAlpha } = bareWebp(bytes)!
    return [{ lossless: lossless!, hasAlpha, row }]
  })
})
const sizeOf = ([, , , height, width]: Row) => ({ width, height })

describe('decodeWebpLossless equals Pillow', () => {
  test('every lossless WebP of the goldens, with alpha, few colours and profiles', () => {
    const different = files.filter(({ lossless, row }) => {
      const image = convertImage(decodeWebpLossless(lossless, sizeOf(row)), { mode: row[5] })
      return digest(`[${image.width}, ${image.height}]`, image.data) !== row[6]
    })
    expect(files.length).toBe(32)
    expect(files.filter(({ hasAlpha }) => hasAlpha).length).toBe(12)
    expect(different.map(({ row }) => row)).toEqual([])
  })

  test('the alpha that the head names changes no colour', () => {
    const { lossless, row } = files.find(({ hasAlpha }) => hasAlpha)!
    const other = lossless.slice()
    other[4]! ^= 0x10
    expect(decodeWebpLossless(other, sizeOf(row))).toEqual(decodeWebpLossless(lossless, sizeOf(row)))
  })

  test('any bit changed gives a picture or INPUT_INVALID, never another error', () => {
    const outcomes = new Set<unknown>()
    for (const { lossless, row } of files) {
      for (let at = 0; at < Math.min(lossless.length, 120); at++) {
        const damaged = lossless.slice()
        damaged[at]! ^= 1 << (at % 8)
        try {
          decodeWebpLossless(damaged, sizeOf(row))
          outcomes.add('a picture')
        } catch (error) {
          outcomes.add((error as { code?: string }).code)
        }
      }
    }
    expect([...outcomes].sort()).toEqual(['INPUT_INVALID', 'a picture'])
  })

  test('a stream that ends early, and two sizes, are named', async () => {
    const { lossless, row } = files.find((file) => file.lossless.length > 300)!
    const size = sizeOf(row)
    const cut = () => decodeWebpLossless(lossless.subarray(0, 200), size)
    expect(await messageOf('INPUT_INVALID', cut)).toMatch(/damaged inside \(/)
    const wider = () => decodeWebpLossless(lossless, { ...size, width: size.width + 1 })
    expect(await messageOf('INPUT_INVALID', wider)).toMatch(/it gives two sizes/)
  })
})
