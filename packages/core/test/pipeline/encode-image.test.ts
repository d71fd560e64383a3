import { describe, expect, test } from 'vitest'
import { type EncodeOptions, type ImageMode, MAX_PIXELS } from '../../src/pipeline/index.ts'
import { nodeImageCodecs } from '../../src/platform/image-codecs-node.ts'
import { readImageHeader } from '../../src/platform/image-header.ts'
import { messageOf } from './errors.ts'
import { picture } from './pictures.ts'

const COLOR_TYPE: Record<ImageMode, number> = { L: 0, RGB: 2, RGBA: 6 }

describe('encode', () => {
  test.each(['L', 'RGB', 'RGBA'] as const)('PNG of mode %s keeps every pixel and the mode', async (mode) => {
    const image = picture('noise', 7, 11, 13, mode)
    const bytes = await nodeImageCodecs.encode(image)
    expect(bytes[25]).toBe(COLOR_TYPE[mode])
    if (mode === 'RGBA') return
    expect(await nodeImageCodecs.decode(bytes, mode)).toEqual(image)
  })

  test.each(['jpeg', 'webp'] as const)('%s: a higher quality is closer', async (format) => {
    const image = picture('gradient', 4, 32, 32)
    const error = async (quality: number) => {
      const bytes = await nodeImageCodecs.encode(image, { format, quality })
      expect(readImageHeader(bytes, MAX_PIXELS)).toMatchObject({ format, width: 32, height: 32 })
      const { data } = await nodeImageCodecs.decode(bytes, 'RGB')
      return data.reduce((sum, pixel, index) => sum + Math.abs(pixel - image.data[index]!), 0)
    }
    expect(await error(95)).toBeLessThan(await error(20))
  })

  test('the same image gives the same bytes', async () => {
    const image = picture('noise', 7, 11, 13)
    expect(await nodeImageCodecs.encode(image)).toEqual(await nodeImageCodecs.encode(image))
  })

  test.each([
    ['OPTIONS_INVALID', 'RGB', { format: 'gif' }, /expected png, jpeg or webp, got "gif"/],
    ['OPTIONS_INVALID', 'RGB', { format: 'jpeg', quality: 101 }, /1 to 100, got 101/],
    ['INPUT_INVALID', 'RGBA', { format: 'jpeg' }, /JPEG has no alpha/],
  ] as const)('%s for %s as %j', async (code, mode, options, expected) => {
    const work = () => nodeImageCodecs.encode(picture('noise', 1, 4, 4, mode), options as EncodeOptions)
    expect(await messageOf(code, work)).toMatch(expected)
  })
})
