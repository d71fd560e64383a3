import { signal } from '@preact/signals'

/** What the visitor wants; `system` follows the device. */
export type Theme = 'system' | 'light' | 'dark'

const KEY = 'playground-theme'
const isTheme = (value: string | null): value is Theme => value === 'system' || value === 'light' || value === 'dark'

function remembered(): Theme {
  try {
    const value = localStorage.getItem(KEY)
    return isTheme(value) ? value : 'system'
  } catch {
    // A browser that keeps nothing for this site.
    return 'system'
  }
}

export const theme = signal<Theme>(remembered())

/** Whether the page is dark now, such as for what is drawn on a canvas. */
export const isDark = signal(false)

const dark = matchMedia('(prefers-color-scheme: dark)')

function apply(): void {
  const { value } = theme
  if (value === 'system') document.documentElement.removeAttribute('data-theme')
  else document.documentElement.setAttribute('data-theme', value)
  isDark.value = value === 'system' ? dark.matches : value === 'dark'
}

dark.addEventListener('change', apply)
apply()

/** Changes it, and keeps it for the next visit. */
export function chooseTheme(value: Theme): void {
  theme.value = value
  apply()
  try {
    localStorage.setItem(KEY, value)
  } catch {
    // It holds for this visit.
  }
}
