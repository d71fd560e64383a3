import { type LoadReport, TensorferryError } from '@tensorferry/core'
import { toJson } from '../../terminal/plain.ts'
import { plainError } from '../../terminal/plain-error.ts'
import { formatTable } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import type { Destination } from './destination.ts'
import { formatResult, isLabels, plainResult, type Result } from './results.ts'

/** What became of one input. */
export type Outcome =
  | {
      readonly name: string
      readonly status: 'done'
      readonly result: Result
      /** Written files, relative to the folder. */
      readonly files: readonly string[]
      readonly milliseconds: number
    }
  | { readonly name: string; readonly status: 'skipped'; readonly files: readonly string[] }
  | { readonly name: string; readonly status: 'failed'; readonly error: Error }

interface PrintOptions {
  readonly destination: Destination
  readonly json: boolean
  readonly report: LoadReport
  readonly terminal: Terminal
}

/** Prints what came of all inputs: results, then what failed. */
export function printOutcomes(
  outcomes: readonly Outcome[],
  { destination, json, report, terminal }: PrintOptions,
): void {
  if (json) {
    const results = outcomes.map((outcome) => plainOutcome(outcome, destination))
    const { backend, artifact, runtime, bundle, attempts, warnings } = report
    terminal.print(toJson({ bundle, backend, artifact, runtime, attempts, warnings, results }))
    return
  }
  if (destination.kind === 'print') printResults(outcomes, terminal)
  if (destination.kind === 'file') {
    for (const outcome of outcomes) if (outcome.status === 'done') terminal.note(`wrote ${outcome.files.join(', ')}`)
  }
  const { red, bold } = terminal.noteColors
  for (const outcome of outcomes) {
    if (outcome.status !== 'failed') continue
    const code = TensorferryError.is(outcome.error) ? `${outcome.error.code}: ` : ''
    terminal.note(`${red('failed:')} ${bold(outcome.name)}: ${code}${outcome.error.message}`)
  }
}

function plainOutcome(outcome: Outcome, destination: Destination): unknown {
  const { name, status } = outcome
  if (status === 'failed') return { file: name, status, error: plainError(outcome.error) }
  const written = destination.kind === 'print' ? {} : { written: outcome.files }
  if (status === 'skipped') return { file: name, status, ...written }
  return { file: name, status, result: plainResult(outcome.result), ...written, milliseconds: outcome.milliseconds }
}

function printResults(outcomes: readonly Outcome[], terminal: Terminal): void {
  const done = outcomes.flatMap((outcome) => (outcome.status === 'done' ? outcome : []))
  const labelled = done.flatMap(({ name, result }) => (isLabels(result) ? { name, labels: result } : []))
  if (labelled.length > 0) {
    const places = Math.max(...labelled.map(({ labels }) => labels.length))
    const columns = [
      { name: 'file' },
      ...Array.from({ length: places }, (_, place) => [
        { name: place === 0 ? 'label' : `${place + 1}.` },
        { name: 'score', numbers: true },
      ]).flat(),
    ]
    const rows = labelled.map(({ name, labels }) => [
      name,
      ...Array.from({ length: places }, (_, place) => {
        const one = labels[place]
        if (!one) return ['', '']
        return [place === 0 ? terminal.colors.green(one.label) : one.label, `${(100 * one.score).toFixed(1)} %`]
      }).flat(),
    ])
    terminal.print(formatTable(columns, rows, terminal.colors))
  }
  for (const { name, result } of done) {
    if (isLabels(result)) continue
    const text = formatResult(result)
    const separator = text.includes('\n') || text.includes('[') ? '\n' : '  '
    terminal.print(`${terminal.colors.bold(name)}${separator}${text}`)
  }
}
