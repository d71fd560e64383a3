import * as v from 'valibot'

/** A length in pixels. */
const pixels = v.pipe(v.number(), v.integer(), v.minValue(1))

/** One number, or `[height, width]`, in pixels. */
export const sizeSchema = v.union(
  [pixels, v.strictTuple([pixels, pixels])],
  'expected a positive whole number or [height, width], in pixels',
)

/** One number, or `[height, width]`, in pixels. */
export type Size = number | readonly [height: number, width: number]
