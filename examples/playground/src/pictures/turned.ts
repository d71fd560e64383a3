import type { RawImage } from '@tensorferry/core'

/**
 * Turns a picture as its EXIF orientation says.
 *
 * @param image - any mode
 * @param orientation - 1 to 8, as EXIF numbers them; 5 to 8 change width and height
 * @returns the pixels in their new places: equal to Pillow's ImageOps.exif_transpose
 */
export function turned(image: RawImage, orientation: number): RawImage {
  if (orientation <= 1 || orientation > 8) return image
  const isLying = orientation >= 5
  const { width, height, data } = image
  const channels = data.length / (width * height)
  const [newWidth, newHeight] = isLying ? [height, width] : [width, height]
  const fromRight = orientation === 2 || orientation === 3 || orientation === 7 || orientation === 8
  const fromBottom = orientation === 3 || orientation === 4 || orientation === 6 || orientation === 7
  const pixels = new Uint8Array(data.length)
  for (let y = 0, to = 0; y < newHeight; y++) {
    for (let x = 0; x < newWidth; x++) {
      const column = isLying ? y : x
      const row = isLying ? x : y
      const from = (fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column)
      for (let channel = 0; channel < channels; channel++) pixels[to++] = data[from * channels + channel]!
    }
  }
  return { ...image, width: newWidth, height: newHeight, data: pixels }
}
