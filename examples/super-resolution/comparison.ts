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
/** Longer pictures are shown in part: a side by side of thin strips shows nothing. */
const MAX_ASPECT = 3
/** Edge of the detail below each picture, in parts of the picture's. */
const DETAIL_PARTS = 4

/** A part of a picture, in pixels. */
interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

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

/** Where network and bicubic differ most: a part of that size. */
function mostDifferentPart(difference: RawImage, width: number, height: number): Box {
  let best = { left: 0, top: 0, sum: -1 }
  const step = Math.max(4, Math.floor(Math.min(width, height) / 8))
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
  return { left: best.left, top: best.top, width, height }
}

function cut(image: RawImage, { left, top, width, height }: Box): RawImage {
  const data = new Uint8Array(width * height * 3)
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * image.width + left) * 3
    data.set(image.data.subarray(from, from + width * 3), row * width * 3)
  }
  return { ...image, width, height, data }
}

const toSharp = ({ data, width, height }: RawImage) => sharp(data, { raw: { width, height, channels: 3 } })

/**
 * Draws original, bicubic, network and their difference side by side, and below each the detail in which they differ most.
 * Of a picture over three times as long as the other side, the part in which they differ most.
 *
 * @returns a PNG file
 */
export async function drawComparison(whole: Comparison): Promise<Buffer> {
  const everywhere = differenceOf(whole.network, whole.bicubic)
  const shown = mostDifferentPart(
    everywhere,
    Math.min(everywhere.width, MAX_ASPECT * everywhere.height),
    Math.min(everywhere.height, MAX_ASPECT * everywhere.width),
  )
  const [original, bicubic, network, difference] = [whole.original, whole.bicubic, whole.network, everywhere].map(
    (image) => cut(image, shown),
  ) as [RawImage, RawImage, RawImage, RawImage]
  const zoom = Math.ceil(MIN_WIDTH / original.width)
  const width = original.width * zoom
  const height = original.height * zoom
  const panels = [
    ['original', original],
    ['bicubic', bicubic],
    ['network', network],
    ['difference', difference],
  ] as const
  const detailWidth = Math.max(8, Math.floor(original.width / DETAIL_PARTS))
  const detailHeight = Math.max(8, Math.floor(original.height / DETAIL_PARTS))
  const detail = mostDifferentPart(difference, detailWidth, detailHeight)
  const overlays: OverlayOptions[] = []
  for (const [index, [name, image]] of panels.entries()) {
    const left = GAP + index * (width + GAP)
    const label = await readFile(new URL(`./labels/${name}.png`, import.meta.url))
    overlays.push({ input: label, left, top: GAP })
    const enlarge = { kernel: 'nearest', fit: 'fill' } as const
    const panel = await toSharp(image).resize(width, height, enlarge).png().toBuffer()
    overlays.push({ input: panel, left, top: GAP + LABEL_HEIGHT })
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
