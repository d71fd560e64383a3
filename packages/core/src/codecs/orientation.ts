import type { RawImage } from '../pipeline/raw-image.ts'

// Loaded with the first picture file.

/** How a camera was held, as EXIF numbers it: 1 is upright, 2 to 8 are turned or mirrored. */
const ORIENTATION_TAG = 0x0112
const SHORT = 3
const LONG = 4

const text = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end))

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The payload of a JPEG's first APP1 segment of EXIF. */
function exifOfJpeg(bytes: Uint8Array, view: DataView): Uint8Array | null {
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!
    if (marker === 0xff) {
      at++
      continue
    }
    const end = at + 2 + view.getUint16(at + 2)
    if (marker === 0xe1 && text(bytes, at + 4, at + 10) === 'Exif\0\0') return bytes.subarray(at + 10, end)
    // Start of the pixels.
    if (marker === 0xda) return null
    at = end
  }
  return null
}

function exifOfPng(bytes: Uint8Array, view: DataView): Uint8Array | null {
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (text(bytes, at + 4, at + 8) === 'eXIf') return bytes.subarray(at + 8, at + 8 + view.getUint32(at))
  }
  return null
}

function exifOfWebp(bytes: Uint8Array, view: DataView): Uint8Array | null {
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true)
    if (text(bytes, at, at + 4) === 'EXIF') {
      const exif = bytes.subarray(at + 8, at + 8 + length)
      return text(exif, 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif
    }
    at += 8 + length + (length % 2)
  }
  return null
}

/** The tag in the first directory of a TIFF, which is what EXIF is; 1 where it has none. */
function orientationOfTiff(exif: Uint8Array): number {
  const view = viewOf(exif)
  const isLittle = text(exif, 0, 2) === 'II'
  const directory = view.getUint32(4, isLittle)
  const entries = view.getUint16(directory, isLittle)
  for (let at = directory + 2; at < directory + 2 + 12 * entries; at += 12) {
    if (view.getUint16(at, isLittle) !== ORIENTATION_TAG) continue
    const type = view.getUint16(at + 2, isLittle)
    const value =
      type === SHORT ? view.getUint16(at + 8, isLittle) : type === LONG ? view.getUint32(at + 8, isLittle) : 1
    return value >= 1 && value <= 8 ? value : 1
  }
  return 1
}

/**
 * Orientation of a JPEG, PNG or WebP file by its EXIF.
 *
 * @returns 1 to 8; 1, upright, also where the file says nothing or its EXIF is damaged
 * @see PIL.Image.open(file).getexif()[0x0112]
 */
export function readOrientation(bytes: Uint8Array): number {
  try {
    const view = viewOf(bytes)
    const find = bytes[0] === 0xff ? exifOfJpeg : bytes[0] === 0x89 ? exifOfPng : exifOfWebp
    const exif = find(bytes, view)
    return exif ? orientationOfTiff(exif) : 1
  } catch {
    // A field that lies outside the file.
    return 1
  }
}

/** Adds a warning where a file asks for a turn, which decoding ignores; once, however many files do. */
export function noteIgnoredTurn(bytes: Uint8Array, warnings: string[]): void {
  const orientation = readOrientation(bytes)
  if (orientation === 1) return
  const warning =
    `a picture was taken turned or mirrored (EXIF orientation ${orientation}), which decode_image ignores, as Pillow does; where the ` +
    'network was trained on upright ones: predict(await decodeImage(file, { upright: true })), or tensorferry run --upright'
  if (!warnings.includes(warning)) warnings.push(warning)
}

/**
 * Turns decoded pixels as the EXIF of their file says.
 *
 * @param image - uint8, the file's pixels as they are stored
 * @param orientation - 1 to 8
 * @returns the same image for 1; else a copy, for 5 to 8 with width and height exchanged
 * @see PIL.ImageOps.exif_transpose: equal to the last bit
 */
export function turnUpright(image: RawImage, orientation: number): RawImage {
  if (orientation === 1) return image
  const { mode, width, height, data } = image
  const channels = data.length / (width * height)
  const isTransposed = orientation >= 5
  const mirrorsX = [2, 3, 7, 8].includes(orientation)
  const mirrorsY = [3, 4, 6, 7].includes(orientation)
  const [outWidth, outHeight] = isTransposed ? [height, width] : [width, height]
  const turned = new Uint8Array(data.length)
  for (let y = 0, to = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const column = isTransposed ? y : x
      const row = isTransposed ? x : y
      const from = ((mirrorsY ? height - 1 - row : row) * width + (mirrorsX ? width - 1 - column : column)) * channels
      for (let channel = 0; channel < channels; channel++) turned[to++] = data[from + channel]!
    }
  }
  return { mode, width: outWidth, height: outHeight, data: turned }
}
