/** Kernels of Pillow's resampling by name. `nearest` has none: it is not a convolution. */
export const INTERPOLATIONS = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const

/** Name of an interpolation, as Pillow's `Resampling` in lower case. */
export type Interpolation = (typeof INTERPOLATIONS)[number]

/** Fixed-point weights of a run of output positions along one axis. */
export interface Coefficients {
  /** First input position of each output position. */
  readonly starts: Int32Array
  /** Input positions that each output position reads. */
  readonly counts: Int32Array
  /** Weights scaled by 2^22, `stride` per output position, zeros after the count. */
  readonly weights: Int32Array
  readonly stride: number
}

/** Pillow writes these as C float literals, so they carry float32's rounding. */
const HAMMING_OFFSET = Math.fround(0.54)
const HAMMING_SCALE = Math.fround(0.46)

function sinc(x: number): number {
  if (x === 0) return 1
  const angle = x * Math.PI
  return Math.sin(angle) / angle
}

const KERNELS: Record<Exclude<Interpolation, 'nearest'>, { support: number; weight(x: number): number }> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight(x) {
      if (x === 0) return 1
      if (Math.abs(x) >= 1) return 0
      const angle = Math.abs(x) * Math.PI
      return (Math.sin(angle) / angle) * (HAMMING_OFFSET + HAMMING_SCALE * Math.cos(angle))
    },
  },
  bicubic: {
    // Keys' cubic with a = -0.5; torch and ONNX use -0.75.
    support: 2,
    weight(value) {
      const x = Math.abs(value)
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

/**
 * Weights for the output positions `from` to `to` (exclusive) of an axis that goes from `inputSize` to `outputSize`.
 *
 * Normalised in double precision, then rounded to 22 fractional bits. `Math.sin` may differ between engines in a double's
 * last bit, which is 2^30 times finer than those.
 *
 * @see Pillow, src/libImaging/Resample.c: the precomputed coefficients of its 8-bit resampling
 */
export function computeCoefficients(
  inputSize: number,
  outputSize: number,
  interpolation: Exclude<Interpolation, 'nearest'>,
  from: number,
  to: number,
): Coefficients {
  const kernel = KERNELS[interpolation]
  const scale = inputSize / outputSize
  const filterScale = Math.max(scale, 1)
  const inverse = 1 / filterScale
  const support = kernel.support * filterScale
  const stride = Math.ceil(support) * 2 + 1
  const starts = new Int32Array(to - from)
  const counts = new Int32Array(to - from)
  const weights = new Int32Array((to - from) * stride)
  const exact = new Float64Array(stride)
  for (let index = 0; index < to - from; index++) {
    const center = (from + index + 0.5) * scale
    const start = Math.max(0, Math.trunc(center - support + 0.5))
    const count = Math.min(inputSize, Math.trunc(center + support + 0.5)) - start
    let sum = 0
    for (let tap = 0; tap < count; tap++) {
      const weight = kernel.weight((tap + start - center + 0.5) * inverse)
      exact[tap] = weight
      sum += weight
    }
    for (let tap = 0; tap < count; tap++) {
      const weight = sum === 0 ? exact[tap]! : exact[tap]! / sum
      weights[index * stride + tap] = Math.trunc(weight * 4194304 + (weight < 0 ? -0.5 : 0.5))
    }
    starts[index] = start
    counts[index] = count
  }
  return { starts, counts, weights, stride }
}
