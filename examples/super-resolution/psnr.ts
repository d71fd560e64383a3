import type { RawImage } from '@tensorferry/core'

/**
 * Peak signal-to-noise ratio of two L images of one size.
 *
 * @param border - pixels left out along each edge, where the network sees its own padding
 * @returns decibels; Infinity for equal images
 */
export function psnr(image: RawImage, reference: RawImage, border: number): number {
  let sum = 0
  let count = 0
  for (let row = border; row < reference.height - border; row++) {
    for (let column = border; column < reference.width - border; column++) {
      const index = row * reference.width + column
      sum += (image.data[index]! - reference.data[index]!) ** 2
      count++
    }
  }
  return 10 * Math.log10((255 * 255 * count) / sum)
}
