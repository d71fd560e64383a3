import { SingleBar } from 'cli-progress'
import type { Terminal } from './terminal.ts'

/** Tells the person who waits how far the work is. */
export interface ProgressReporter {
  /** @param detail - such as the file that is done */
  advance(detail: string): void
  /** Ends the line. Safe to call twice. */
  stop(): void
}

/** Fewer are done before anyone looks. */
const WORTH_A_BAR = 5
/** Lines in a log are worth less than a bar that goes away. */
const WORTH_LINES = 20

/**
 * A bar on a terminal; elsewhere, such as in a CI log, a line for each tenth.
 *
 * @param verb - what is done, such as `ran`
 * @param total - how many times {@link ProgressReporter.advance} will be called
 */
export function startProgress(terminal: Terminal, verb: string, total: number): ProgressReporter {
  if (total < (terminal.bar ? WORTH_A_BAR : WORTH_LINES)) return { advance: () => undefined, stop: () => undefined }
  let done = 0
  if (!terminal.bar) {
    return {
      advance() {
        done++
        const tenth = (count: number): number => Math.floor((10 * count) / total)
        if (tenth(done) !== tenth(done - 1)) terminal.note(`${verb} ${done} of ${total}`)
      },
      stop: () => undefined,
    }
  }
  const bar = new SingleBar({
    stream: terminal.bar,
    format: `${verb} {bar} {value} of {total}, {eta_formatted} left  {detail}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    etaBuffer: 50,
    fps: 10,
  })
  bar.start(total, 0, { detail: '' })
  return {
    advance: (detail) => bar.increment(1, { detail: detail.slice(-40) }),
    stop: () => bar.stop(),
  }
}
