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

function shrunk(image: RawImage): RawImage {
  const factor = Math.sqrt(MOST_PIXELS / (image.width * image.height))
  if (factor >= 1) return image
  const side = (pixels: number): number => Math.max(1, Math.floor(pixels * factor))
  return resize(image, { size: [side(image.height), side(image.width)], interpolation: 'lanczos' })
}

/**
 * Opens a picture file. Phones store a turn beside the pixels, which Pillow and the pipeline leave alone: here the picture is
 * turned first.
 *
 * @param shrinks - whether a large one is made smaller first
 * @throws TensorferryError `INPUT_INVALID` for what is no picture
 */
export async function openPicture(file: Blob, shrinks: boolean): Promise<PictureInput> {
  const notes: string[] = []
  // Null for a file without EXIF; throws for what is no picture, of which decodeImage says what it is.
  const turn = (await orientation(file).catch(() => null)) ?? 1
  const pixels = turned(await decodeImage(file), turn)
  if (turn !== 1) notes.push('turned upright, as its EXIF data say')
  const shown = shrinks ? shrunk(pixels) : pixels
  if (shown !== pixels) {
    notes.push(`made smaller first, from ${pixels.width} × ${pixels.height} to ${shown.width} × ${shown.height} pixels`)
  }
  return { raw: notes.length > 0 ? shown : file, shown, notes }
}

/** Opens pixels, such as the camera's. */
export async function openPixels(pixels: ImageData, shrinks: boolean): Promise<PictureInput> {
  const image = await decodeImage(pixels)
  const shown = shrinks ? shrunk(image) : image
  const note = `made smaller first, from ${image.width} × ${image.height} to ${shown.width} × ${shown.height} pixels`
  return { raw: shown, shown, notes: shown === image ? [] : [note] }
}
