/** Okabe and Ito's colours, told apart without red and green; by stage, light page and dark page. */
export const STAGE_COLORS: readonly (readonly [light: string, dark: string])[] = [
  ['#0072b2', '#56b4e9'],
  ['#b35900', '#e69f00'],
  ['#007a5a', '#35c99a'],
  ['#a03d78', '#e58fc0'],
  ['#5b5bd0', '#a5a5ff'],
  ['#7a6a00', '#e8d840'],
  ['#4d5a55', '#b8c4be'],
  ['#b02a2a', '#ff8f85'],
]
