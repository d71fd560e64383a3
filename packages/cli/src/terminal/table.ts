import Table from 'cli-table3'
import type { Colors } from './terminal.ts'

/** A column: its heading, and whether it holds numbers, which stand at the right. */
export interface Column {
  readonly name: string
  readonly numbers?: boolean
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Rows under headings, without lines; columns as wide as their content. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], colors: Colors): string {
  const table = new Table({
    head: columns.map(({ name }) => colors.bold(name)),
    colAligns: columns.map(({ numbers }) => (numbers ? 'right' : 'left')),
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  })
  table.push(...rows.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Pairs of a name and a value, the values in one column. Long values go on below themselves. */
export function formatFacts(facts: readonly (readonly [name: string, value: string])[], colors: Colors): string {
  const width = Math.max(...facts.map(([name]) => name.length))
  const indent = `\n${' '.repeat(width + 2)}`
  return facts.map(([name, value]) => `${colors.dim(name.padEnd(width))}  ${value.replaceAll('\n', indent)}`).join('\n')
}
