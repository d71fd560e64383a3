import type { Coefficients } from '../steps/image/resample-coefficients.ts'

/** The two convolutions that resizing is made of: uint8 in and out, fixed-point weights, sums modulo 2^32. */
export interface PixelLoops {
  /** Convolves along x: `rows` rows of `rowBytes` bytes from `firstRow` on in, `starts.length` pixels a row out. */
  readonly horizontalPass: (
    source: Uint8Array,
    rowBytes: number,
    firstRow: number,
    rows: number,
    channels: number,
    coefficients: Coefficients,
  ) => Uint8Array<ArrayBuffer>
  /** Convolves along y: of each row the bytes from `firstByte` on, `rowBytes` a row out; `firstRow` is the source's first. */
  readonly verticalPass: (
    source: Uint8Array,
    sourceRowBytes: number,
    firstByte: number,
    rowBytes: number,
    firstRow: number,
    coefficients: Coefficients,
  ) => Uint8Array<ArrayBuffer>
}
