/** Viridis at nine places, dark to light: readable in gray and without red or green. */
const STOPS = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
] as const

/**
 * @param share - 0 to 1, clamped; NaN gives gray
 * @returns red, green, blue, 0 to 255
 */
export function viridis(share: number): readonly [number, number, number] {
  if (Number.isNaN(share)) return [128, 128, 128]
  const at = Math.min(1, Math.max(0, share)) * (STOPS.length - 1)
  const low = STOPS[Math.floor(at)]!
  const high = STOPS[Math.ceil(at)]!
  const mix = (channel: 0 | 1 | 2): number => Math.round(low[channel] + (high[channel] - low[channel]) * (at % 1))
  return [mix(0), mix(1), mix(2)]
}
