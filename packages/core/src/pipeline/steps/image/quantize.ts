/** Both ways, for schemas. */
export const QUANTIZATIONS = ['round', 'truncate'] as const

/** Which level a number of 0..1 becomes: `truncate` is `np.uint8(x * 255)`, `round` the nearest one, half to even. */
export type Quantization = (typeof QUANTIZATIONS)[number]

/**
 * One value of 0..1 as a level of 0..255; values outside are clipped, NaN becomes 0.
 *
 * @see numpy, in float32: `np.uint8((x * 255.0).clip(0, 255))` for 'truncate', with `.round()` before the clip for 'round'
 */
export function quantizeValue(value: number, quantization: Quantization): number {
  const scaled = Math.fround(value * 255)
  if (!(scaled > 0)) return 0
  if (scaled >= 255) return 255
  const level = Math.trunc(scaled)
  const rest = scaled - level
  return quantization === 'round' && (rest > 0.5 || (rest === 0.5 && level % 2 === 1)) ? level + 1 : level
}
