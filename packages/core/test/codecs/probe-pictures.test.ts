import sharp from 'sharp'
import { expect, test } from 'vitest'
import { bareJpeg } from '../../src/codecs/bare-picture.ts'
import { crc32 } from '../../src/codecs/crc32.ts'
import { PROBES } from '../../src/codecs/probe-pictures.ts'
import { nodeImageCodecs } from '../../src/platform/image-codecs-node.ts'

test.each(Object.entries(PROBES))('libjpeg-turbo and libwebp give the pixels of the probe %s', async (name, probe) => {
  const bytes = new Uint8Array(Buffer.from(probe.base64, 'base64'))
  const { data } = await nodeImageCodecs.decode(bytes, 'RGB')
  expect(crc32(data)).toBe(probe.crc32)
  // Not for want of detail: a decoder that is off in colour alone is found.
  const { channels } = await sharp(data, { raw: { width: 16, height: 16, channels: 3 } }).stats()
  expect(channels.every(({ stdev }) => stdev > 20)).toBe(true)
  if (name !== 'webp') expect(bareJpeg(bytes)).toMatchObject({ isUsual: name === 'jpeg', isArithmetic: false })
})
