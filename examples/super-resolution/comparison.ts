import { readFile } from 'node:fs/promises'
import type { RawImage } from '@tensorferry/core'
import sharp, { type OverlayOptions } from 'sharp'

const GAP = 12
const LABEL_HEIGHT = 30
const BACKGROUND = { r: 24, g: 24, b: 27 }
/** What a difference is multiplied with, so that it can be seen. */
const AMPLIFY = 6
/** Narrower pictures are drawn larger, so that the labels fit. */
const MIN_WIDTH = 220
/** Edge of the detail below each picture, in parts of the picture's. */
const DETAIL_PARTS = 4

/** Four RGB images of one size. */
export interface Comparison {
  readonly original: RawImage
  readonly bicubic: RawImage
  readonly network: RawImage
}

function differenceOf(a: RawImage, b: RawImage): RawImage {
  const data = a.data.map((value, index) => Math.min(255, Math.abs(value - b.data[index]!) * AMPLIFY))
  return { ...a, data }
}

/** Where network and bicubic differ most: top left corner of a detail of that size. */
function mostDifferentPlace(difference: RawImage, width: number, height: number): { left: number; top: number } {
  let best = { left: 0, top: 0, sum: -1 }
  const step = Math.max(4, Math.floor(width / 8))
  for (let top = 0; top + height <= difference.height; top += step) {
    for (let left = 0; left + width <= difference.width; left += step) {
      let sum = 0
      for (let row = top; row < top + height; row += 2) {
        for (let column = left; column < left + width; column += 2)
          sum += difference.data[(row * difference.width + column) * 3]!
      }
      if (sum > best.sum) best = { left, top, sum }
    }
  }
  return best
}

const toSharp = ({ data, width, height }: RawImage) => sharp(data, { raw: { width, height, channels: 3 } })

/**
 * Draws original, bicubic, network and their difference side by side, and below each the detail in which they differ most.
 *
 * @returns a PNG file
 */
export async function drawComparison({ original, bicubic, network }: Comparison): Promise<Buffer> {
  const zoom = Math.ceil(MIN_WIDTH / original.width)
  const width = original.width * zoom
  const height = original.height * zoom
  const difference = differenceOf(network, bicubic)
  const panels = [
    ['original', original],
    ['bicubic', bicubic],
    ['network', network],
    ['difference', difference],
  ] as const
  const detailWidth = Math.max(8, Math.floor(original.width / DETAIL_PARTS))
  const detailHeight = Math.max(8, Math.floor(original.height / DETAIL_PARTS))
  const place = mostDifferentPlace(difference, detailWidth, detailHeight)
  const detail = { ...place, width: detailWidth, height: detailHeight }
  const overlays: OverlayOptions[] = []
  for (const [index, [name, image]] of panels.entries()) {
    const left = GAP + index * (width + GAP)
    const label = await readFile(new URL(`./labels/${name}.png`, import.meta.url))
    overlays.push({ input: label, left, top: GAP })
    const enlarge = { kernel: 'nearest', fit: 'fill' } as const
    const whole = await toSharp(image).resize(width, height, enlarge).png().toBuffer()
    overlays.push({ input: whole, left, top: GAP + LABEL_HEIGHT })
    const part = await toSharp(image).extract(detail).resize(width, height, enlarge).png().toBuffer()
    overlays.push({ input: part, left, top: GAP + LABEL_HEIGHT + height + GAP })
  }
  return sharp({
    create: {
      width: GAP + panels.length * (width + GAP),
      height: GAP + LABEL_HEIGHT + 2 * (height + GAP),
      channels: 3,
      background: BACKGROUND,
    },
  })
    .composite(overlays)
    .png()
    .toBuffer()
}
