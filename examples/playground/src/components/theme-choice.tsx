import { chooseTheme, type Theme, theme } from '../state/theme.ts'

const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'Auto'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

/** Dark, light, or as the device is. */
export function ThemeChoice() {
  return (
    <label class="theme-choice">
      <span class="unseen">Colours</span>
      <select value={theme.value} onChange={({ currentTarget }) => chooseTheme(currentTarget.value as Theme)}>
        {THEMES.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
