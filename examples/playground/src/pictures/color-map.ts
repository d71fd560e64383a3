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

function colorAt(share: number): readonly [number, number, number] {
  const at = share * (STOPS.length - 1)
  const low = STOPS[Math.floor(at)]!
  const high = STOPS[Math.ceil(at)]!
  const mix = (channel: 0 | 1 | 2): number => Math.round(low[channel] + (high[channel] - low[channel]) * (at % 1))
  return [mix(0), mix(1), mix(2)]
}

/** 256 opaque colours, shape [256, 4]: dark for 0, light for 255. */
export const COLORS = Uint8ClampedArray.from(
  Array.from({ length: 256 }, (_, level) => [...colorAt(level / 255), 255]).flat(),
)

/** For what is no number. */
export const NO_COLOR = new Uint8ClampedArray([128, 128, 128, 255])
