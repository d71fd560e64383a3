import type { LoadReport } from '@tensorferry/core'
import type { Terminal } from '../terminal/terminal.ts'

/** Another backend than the first one runs: that is never left unsaid. */
export function noteRefused({ attempts, backend }: LoadReport, terminal: Terminal): void {
  for (const attempt of attempts) {
    if (attempt.outcome === 'chosen') continue
    const { backend: name, stage, code, reason } = attempt
    terminal.note(`${terminal.noteColors.yellow('refused:')} ${name} at ${stage}: ${code}: ${reason}; ${backend} runs`)
  }
}
