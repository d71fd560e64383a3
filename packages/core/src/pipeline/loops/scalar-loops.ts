import type { Coefficients } from '../steps/image/resample-coefficients.ts'
import type { PixelLoops } from './pixel-loops.ts'

/** Half of the last bit that the shift drops, so that it rounds. */
const BIAS = 1 << 21

/** Convolves along x: rows of `rowBytes` bytes in, `coefficients.starts.length` pixels a row out. */
function horizontalPass(
  source: Uint8Array,
  rowBytes: number,
  firstRow: number,
  rows: number,
  channels: number,
  { starts, counts, weights, stride }: Coefficients,
): Uint8Array<ArrayBuffer> {
  const width = starts.length
  const output = new Uint8ClampedArray(rows * width * channels)
  let out = 0
  for (let row = firstRow; row < firstRow + rows; row++) {
    const base = row * rowBytes
    for (let x = 0; x < width; x++) {
      const first = x * stride
      const end = first + counts[x]!
      let at = base + starts[x]! * channels
      let sum0 = BIAS
      if (channels === 1) {
        for (let tap = first; tap < end; tap++) sum0 = (sum0 + Math.imul(source[at++]!, weights[tap]!)) | 0
        output[out++] = sum0 >> 22
        continue
      }
      let sum1 = BIAS
      let sum2 = BIAS
      if (channels === 3) {
        for (let tap = first; tap < end; tap++) {
          const weight = weights[tap]!
          sum0 = (sum0 + Math.imul(source[at]!, weight)) | 0
          sum1 = (sum1 + Math.imul(source[at + 1]!, weight)) | 0
          sum2 = (sum2 + Math.imul(source[at + 2]!, weight)) | 0
          at += 3
        }
      } else {
        let sum3 = BIAS
        for (let tap = first; tap < end; tap++) {
          const weight = weights[tap]!
          sum0 = (sum0 + Math.imul(source[at]!, weight)) | 0
          sum1 = (sum1 + Math.imul(source[at + 1]!, weight)) | 0
          sum2 = (sum2 + Math.imul(source[at + 2]!, weight)) | 0
          sum3 = (sum3 + Math.imul(source[at + 3]!, weight)) | 0
          at += 4
        }
        output[out + 3] = sum3 >> 22
      }
      output[out] = sum0 >> 22
      output[out + 1] = sum1 >> 22
      output[out + 2] = sum2 >> 22
      out += channels
    }
  }
  return new Uint8Array(output.buffer)
}

/** Convolves along y: of each row the bytes from `firstByte` on, `rowBytes` a row out. */
function verticalPass(
  source: Uint8Array,
  sourceRowBytes: number,
  firstByte: number,
  rowBytes: number,
  firstRow: number,
  { starts, counts, weights, stride }: Coefficients,
): Uint8Array<ArrayBuffer> {
  const output = new Uint8ClampedArray(starts.length * rowBytes)
  // Four columns at once share each weight.
  const inFours = rowBytes - (rowBytes % 4)
  for (let y = 0; y < starts.length; y++) {
    const first = y * stride
    const end = first + counts[y]!
    const base = (starts[y]! - firstRow) * sourceRowBytes + firstByte
    const out = y * rowBytes
    for (let x = 0; x < inFours; x += 4) {
      let sum0 = BIAS
      let sum1 = BIAS
      let sum2 = BIAS
      let sum3 = BIAS
      let at = base + x
      for (let tap = first; tap < end; tap++) {
        const weight = weights[tap]!
        sum0 = (sum0 + Math.imul(source[at]!, weight)) | 0
        sum1 = (sum1 + Math.imul(source[at + 1]!, weight)) | 0
        sum2 = (sum2 + Math.imul(source[at + 2]!, weight)) | 0
        sum3 = (sum3 + Math.imul(source[at + 3]!, weight)) | 0
        at += sourceRowBytes
      }
      output[out + x] = sum0 >> 22
      output[out + x + 1] = sum1 >> 22
      output[out + x + 2] = sum2 >> 22
      output[out + x + 3] = sum3 >> 22
    }
    for (let x = inFours; x < rowBytes; x++) {
      let sum = BIAS
      let at = base + x
      for (let tap = first; tap < end; tap++) {
        sum = (sum + Math.imul(source[at]!, weights[tap]!)) | 0
        at += sourceRowBytes
      }
      output[out + x] = sum >> 22
    }
  }
  return new Uint8Array(output.buffer)
}

/** In TypeScript, which runs everywhere. */
export const scalarLoops: PixelLoops = { horizontalPass, verticalPass }
