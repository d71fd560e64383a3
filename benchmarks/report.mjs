import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const round = (value, digits) => Number(value.toFixed(digits))
const show = ({ value, digits = 2, unit = '' }) => `${round(value, digits)}${unit ? ` ${unit}` : ''}`

/** null: there is nothing to reach. */
const REACHED = { true: 'yes', false: '**no**', null: '' }

function spreadOf({ spread, digits = 2 }) {
  return spread ? `${round(spread[0], digits)} to ${round(spread[1], digits)}` : ''
}

/**
 * Writes `results/NAME.json` and `results/NAME.md`.
 *
 * @param {string} name
 * @param {{ command: string, machine: object, notes: string[], figures: { what: string, value: number, limit: string, ok: boolean | null,
 *   spread?: [number, number], digits?: number, unit?: string, note?: string }[] }} result
 */
export function writeReport(name, { command, machine, notes, figures }) {
  const folder = new URL('./results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify({ command, machine, figures }, null, 2)}\n`)
  const facts = Object.entries(machine).map(([key, value]) => `${key} ${value}`)
  const rows = figures.map(
    (figure) =>
      `| ${figure.what} | ${show(figure)} | ${spreadOf(figure)} | ${figure.limit} | ${REACHED[figure.ok]} | ${figure.note ?? ''} |`,
  )
  const text = [
    `# ${name}`,
    '',
    `Written by \`${command}\` on: ${facts.join(', ')}.`,
    '',
    '| what | measured | middle 80 % | must be | reached | beside it |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    ...notes.map((note) => `- ${note}`),
    '',
  ].join('\n')
  writeFileSync(new URL(`${name}.md`, folder), text)
  return fileURLToPath(new URL(`${name}.md`, folder))
}
