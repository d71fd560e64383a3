import { toJson } from '../../../terminal/plain.ts'
import { formatMilliseconds } from '../../../terminal/quantities.ts'
import type { Terminal } from '../../../terminal/terminal.ts'
import type { FileDone } from './job.ts'

/** What became of one file of the queue. */
export type FileOutcome =
  | ({ readonly file: string; readonly status: 'done' } & FileDone)
  | { readonly file: string; readonly status: 'skipped'; readonly files: readonly string[] }
  | {
      readonly file: string
      readonly status: 'failed'
      readonly error: { readonly code: string; readonly message: string }
    }

/** A worker's error as it was told through Redis; BullMQ's own are plain texts, such as that workers died over it. */
export function failureOf(told: string): { readonly code: string; readonly message: string } {
  try {
    const { code, message } = JSON.parse(told) as { code: string; message: string }
    return { code, message }
  } catch {
    return { code: 'RUNTIME_FAILED', message: told }
  }
}

/** Files by worker: `host 12: 70, host 13: 65`. */
function shares(outcomes: readonly FileOutcome[]): string {
  const counts = new Map<string, number>()
  for (const outcome of outcomes) {
    if (outcome.status === 'done') counts.set(outcome.worker, (counts.get(outcome.worker) ?? 0) + 1)
  }
  return [...counts].map(([worker, files]) => `${worker}: ${files}`).join(', ')
}

/** What {@link printFileOutcomes} says beside the files. */
interface Summary {
  readonly queue: string
  readonly model: string
  /** As it was given. */
  readonly out: string
  /** Files that are still in the queue: the wait was interrupted. */
  readonly left: number
  readonly milliseconds: number
}

/** Prints what became of all files. */
export function printFileOutcomes(
  outcomes: readonly FileOutcome[],
  { queue, model, out, left, milliseconds }: Summary,
  { json, terminal }: { readonly json: boolean; readonly terminal: Terminal },
): void {
  const { red, bold } = terminal.noteColors
  for (const outcome of outcomes) {
    if (outcome.status !== 'failed') continue
    terminal.note(`${red('failed:')} ${bold(outcome.file)}: ${outcome.error.code}: ${outcome.error.message}`)
  }
  const number = (status: FileOutcome['status']): number => outcomes.filter((one) => one.status === status).length
  const parts = [`${number('done')} files done`]
  if (number('skipped') > 0) parts.push(`${number('skipped')} were there already`)
  if (number('failed') > 0) parts.push(red(`${number('failed')} failed`))
  if (left > 0) parts.push(`${left} left in the queue: workers go on; run it again to wait for them`)
  terminal.note(`${parts.join(', ')} in ${out} (${formatMilliseconds(milliseconds)})`)
  const worked = shares(outcomes)
  if (worked !== '') terminal.note(`by worker: ${worked}`)
  if (json) terminal.print(toJson({ queue, model, left, results: outcomes }))
}
