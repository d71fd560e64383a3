import { decodeImage, type RawImage, resize, TensorferryError } from '@tensorferry/core'

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

/** The file as its owner sees it, turned by the browser. */
async function upright(file: Blob): Promise<RawImage> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', imageOrientation: 'from-image' })
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d')!
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  return decodeImage(context.getImageData(0, 0, width, height))
}

function shrunk(image: RawImage): RawImage {
  const factor = Math.sqrt(MOST_PIXELS / (image.width * image.height))
  if (factor >= 1) return image
  const side = (pixels: number): number => Math.max(1, Math.floor(pixels * factor))
  return resize(image, { size: [side(image.height), side(image.width)], interpolation: 'lanczos' })
}

/**
 * Opens a picture file. Phones store a turn beside the pixels, which Pillow and the pipeline leave alone: then the browser
 * turns it.
 *
 * @param shrinks - whether a large one is made smaller first
 * @throws TensorferryError `INPUT_INVALID` for what is no picture
 */
export async function openPicture(file: Blob, shrinks: boolean): Promise<PictureInput> {
  const notes: string[] = []
  let pixels: RawImage
  try {
    pixels = await decodeImage(file)
  } catch (error) {
    if (!TensorferryError.is(error) || typeof error.details.orientation !== 'number') throw error
    pixels = await upright(file)
    notes.push('turned upright by the browser, as its EXIF data say')
  }
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
