// The page of the pipeline's goldens: runs a step on generated pictures and numbers, and gives a digest of each result.
import {
  centerCrop,
  clamp,
  convertImage,
  mergeYcbcr,
  normalize,
  type RawImage,
  resize,
  splitYcbcr,
  tensor,
  toImage,
  topK,
  toTensor,
} from '@tensorferry/core'
import { floats, picture, pixels } from '../../../core/test/pipeline/generated-pictures.ts'

/** What a digest is made of. */
type Parts = readonly (ArrayBufferView | string)[]

// Rows as the golden files have them; each step's own test in core names their columns.
// biome-ignore lint/suspicious/noExplicitAny: rows of JSON
type Row = any[]

const image = ([kind, seed, height, width, mode]: Row): RawImage => picture(kind, seed, height, width, mode)

const STEPS: Readonly<Record<string, (row: Row) => Parts>> = {
  resize_legacy: (row) => [
    resize(image(row), { size: [row[5], row[6]], interpolation: row[7], pillow_pass_order: 'legacy' }).data,
  ],
  resize: (row) => [
    resize(image(row), { size: [row[5], row[6]], interpolation: row[7], pillow_pass_order: '13' }).data,
  ],
  resize_rule(row) {
    const { width, height, data } = resize(image(row), { size: row[5], interpolation: row[6] })
    return [`[${width}, ${height}]`, data]
  },
  center_crop: (row) => [centerCrop(image(row), { size: row[5], rounding: row[6] }).data],
  convert_image: (row) => [convertImage(image(row), { mode: row[5] }).data],
  split_ycbcr([kind, seed, height, width]) {
    const { Y, Cb, Cr } = splitYcbcr(picture(kind, seed, height, width))
    return [Y.data, Cb.data, Cr.data]
  },
  merge_ycbcr([kind, seed, height, width, values, outHeight, outWidth, upscale, quantize]) {
    const luma = tensor('float32', floats(values, seed, outHeight * outWidth), [1, 1, outHeight, outWidth])
    const chroma = pixels(kind, seed, height, width, 2)
    const plane = (channel: number): RawImage => ({
      mode: 'L',
      height,
      width,
      data: chroma.filter((_, index) => index % 2 === channel),
    })
    return [mergeYcbcr(luma, { Cb: plane(0), Cr: plane(1) }, { upscale, quantize, pillow_pass_order: '13' }).data]
  },
  to_image([values, seed, height, width, channels, quantize]) {
    const data = floats(values, seed, channels * height * width)
    return [toImage(tensor('float32', data, [1, channels, height, width]), { quantize }).data]
  },
  to_tensor: (row) => [toTensor(image(row)).data],
  normalize([values, seed, height, width, channels, mean, std]) {
    const value =
      values === 'pixels'
        ? toTensor(picture('noise', seed, height, width, channels === 3 ? 'RGB' : 'L'))
        : tensor('float32', floats(values, seed, channels * height * width), [channels, height, width])
    return [normalize(value, { mean, std }).data]
  },
  clamp([values, seed, count, min, max]) {
    const { data } = clamp(tensor('float32', floats(values, seed, count), [count]), { min, max })
    // NaN has many bit patterns: the goldens hold 7 in its place.
    return [data.map((element) => (Number.isNaN(element) ? 7 : element))]
  },
  top_k: ([values, seed, classes, k]) => [
    topK(tensor('float32', floats(values, seed, classes), [1, classes]), { k })
      .map(({ index }) => index)
      .join(),
  ],
}

/** First 16 hex digits of the sha256 of all the bytes. */
async function digest(parts: Parts): Promise<string> {
  const blob = new Blob(parts as BlobPart[])
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))
  return Array.from(hash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const page = {
  /** One digest a row. */
  digests: (step: string, rows: readonly Row[]): Promise<string[]> =>
    Promise.all(rows.map((row) => digest(STEPS[step]!(row)))),
}

declare global {
  var steps: typeof page
}
globalThis.steps = page
