import type { RawImage } from '@tensorferry/core'

/**
 * Peak signal-to-noise ratio of two L images of one size.
 *
 * @returns decibels; Infinity for equal images
 */
export function psnr(image: RawImage, reference: RawImage): number {
  let sum = 0
  for (const [index, value] of reference.data.entries()) sum += (image.data[index]! - value) ** 2
  return 10 * Math.log10((255 * 255 * reference.data.length) / sum)
}
