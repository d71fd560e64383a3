import { MAX_PIXELS, tagOf } from '@tensorferry/core'
import { readImageHeader } from '@tensorferry/core/node'
import type { Raw } from './pipeline-jobs.ts'

/** Of RGB; what a file has is not asked. */
const CHANNELS = 3

/** Values of the pictures that files unfold to, by their heads: 100 bytes of WebP can be 16 million pixels. */
export function pictureValues(raw: Raw): number {
  if (tagOf(raw) === 'ArrayBuffer') return pictureValues(new Uint8Array(raw as ArrayBuffer))
  if (tagOf(raw) === 'Uint8Array') {
    try {
      const { width, height } = readImageHeader(raw as Uint8Array, MAX_PIXELS)
      return width * height * CHANNELS
    } catch {
      // Decoding it throws the same, at once.
      return 0
    }
  }
  // Pixels and tensors are as many as their bytes.
  if ('data' in raw) return 0
  return Object.values(raw as Readonly<Record<string, Raw>>).reduce((sum, one) => sum + pictureValues(one), 0)
}
