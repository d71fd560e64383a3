import { signal } from '@preact/signals'

/** What a screen reader is told, once. */
export const announcement = signal('')

/** Says something; the same words twice are said twice. */
export function announce(text: string): void {
  announcement.value = announcement.value === text ? `${text}\u00a0` : text
}
