const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** HTML that is already safe. */
export interface Html {
  readonly html: string
}

/** Text from files and programs must not become markup. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}

/** Marks text that is markup already, such as an SVG. */
export function raw(text: string): Html {
  return { html: text }
}

type Value = string | number | Html | null | readonly (Html | null)[]

const write = (value: Value): string => {
  if (value === null) return ''
  if (Array.isArray(value)) return value.map((inner) => inner?.html ?? '').join('')
  return typeof value === 'object' ? (value as Html).html : escapeHtml(String(value))
}

/** A template whose values are escaped, unless they are HTML themselves. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { html: strings.map((text, index) => text + (index < values.length ? write(values[index]!) : '')).join('') }
}
