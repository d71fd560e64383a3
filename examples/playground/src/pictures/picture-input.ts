import { decodeImage, type RawImage, resize } from '@tensorferry/core'
import { orientation } from 'exifr'
import { turned } from './turned.ts'

/** A picture that somebody gave, ready for a model. */
export interface PictureInput {
  /** What the model gets: the file itself, or pixels where they had to be changed. */
  readonly raw: Blob | RawImage
  /** What is shown of it. */
  readonly shown: RawImage
  /** What was done to it before the model; empty: nothing. */
  readonly notes: readonly string[]
}

/** An enlarged picture of more pixels takes seconds on a phone. */
const MOST_PIXELS = 512 * 512

/** The same input, smaller where a model that enlarges would take long; else the very one. */
export function shrinkInput(input: PictureInput): PictureInput {
  const { width, height } = input.shown
  const factor = Math.sqrt(MOST_PIXELS / (width * height))
  if (factor >= 1) return input
  const side = (pixels: number): number => Math.max(1, Math.floor(pixels * factor))
  const shown = resize(input.shown, { size: [side(height), side(width)], interpolation: 'lanczos' })
  const note = `made smaller first, from ${width} × ${height} to ${shown.width} × ${shown.height} pixels`
  return { raw: shown, shown, notes: [...input.notes, note] }
}

/**
 * Opens a picture file. Phones store a turn beside the pixels, which Pillow and the pipeline leave alone: here the picture is
 * turned first.
 *
 * @throws TensorferryError `INPUT_INVALID` for what is no picture
 */
export async function openPicture(file: Blob): Promise<PictureInput> {
  // Null for a file without EXIF; throws for what is no picture, of which decodeImage says what it is.
  const turn = (await orientation(file).catch(() => null)) ?? 1
  const decoded = await decodeImage(file)
  if (turn === 1) return { raw: file, shown: decoded, notes: [] }
  const shown = turned(decoded, turn)
  return { raw: shown, shown, notes: ['turned upright, as its EXIF data say'] }
}

/** Opens pixels, such as the camera's. */
export async function openPixels(pixels: ImageData): Promise<PictureInput> {
  const shown = await decodeImage(pixels)
  return { raw: shown, shown, notes: [] }
}
