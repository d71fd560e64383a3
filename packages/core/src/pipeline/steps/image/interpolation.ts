/** Kernels of Pillow's resampling by name. `nearest` has none: it is not a convolution. */
export const INTERPOLATIONS = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const

/** Name of an interpolation, as Pillow's `Resampling` in lower case. */
export type Interpolation = (typeof INTERPOLATIONS)[number]
