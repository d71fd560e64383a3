import { blankImage, type RawImage } from '../../raw-image.ts'

/** `value * coefficient` for 256 values from `-offset` on, with 6 fractional bits, rounded towards zero after adding a half. */
function table(coefficient: number, offset = 0): Int32Array {
  return Int32Array.from({ length: 256 }, (_, index) => Math.trunc((index - offset) * coefficient * 64 + 0.5))
}

/** The coefficients of JPEG (JFIF), as short as Pillow writes them. */
function makeTables() {
  const half = table(0.5)
  return {
    y: [table(0.299), table(0.587), table(0.114)],
    cb: [table(-0.16874), table(-0.33126), half],
    cr: [half, table(-0.41869), table(-0.08131)],
    redOfCr: table(1.402, 128),
    greenOfCb: table(-0.34414, 128),
    greenOfCr: table(-0.71414, 128),
    blueOfCb: table(1.772, 128),
  }
}

let tables: ReturnType<typeof makeTables> | undefined

/** Made on first use: importing has no cost. */
function sharedTables(): ReturnType<typeof makeTables> {
  tables ??= makeTables()
  return tables
}

/**
 * The Y, Cb and Cr planes of an RGB image, mode L each.
 *
 * @see Pillow, Image.convert('YCbCr').split()
 */
export function planesFromRgb({ data, height, width }: RawImage): { Y: RawImage; Cb: RawImage; Cr: RawImage } {
  const shared = sharedTables()
  const plane = ([ofRed, ofGreen, ofBlue]: Int32Array[], offset: number): RawImage => {
    const image = blankImage('L', height, width)
    for (let i = 0, at = 0; i < image.data.length; i++, at += 3) {
      image.data[i] = ((ofRed![data[at]!]! + ofGreen![data[at + 1]!]! + ofBlue![data[at + 2]!]!) >> 6) + offset
    }
    return image
  }
  return { Y: plane(shared.y, 0), Cb: plane(shared.cb, 128), Cr: plane(shared.cr, 128) }
}

/**
 * An RGB image of three planes of the same size.
 *
 * @see Pillow, Image.merge('YCbCr', planes).convert('RGB')
 */
export function rgbFromPlanes(y: RawImage, cb: RawImage, cr: RawImage): RawImage {
  const { redOfCr, greenOfCb, greenOfCr, blueOfCb } = sharedTables()
  const image = blankImage('RGB', y.height, y.width)
  const output = new Uint8ClampedArray(image.data.buffer)
  for (let i = 0, at = 0; i < y.data.length; i++, at += 3) {
    const luma = y.data[i]!
    const blue = cb.data[i]!
    const red = cr.data[i]!
    output[at] = luma + (redOfCr[red]! >> 6)
    output[at + 1] = luma + ((greenOfCb[blue]! + greenOfCr[red]!) >> 6)
    output[at + 2] = luma + (blueOfCb[blue]! >> 6)
  }
  return image
}
