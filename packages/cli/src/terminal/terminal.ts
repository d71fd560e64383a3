import pc from 'picocolors'
import { printable } from './printable.ts'

/** Functions that colour a text, or leave it as it is. */
export type Colors = ReturnType<typeof pc.createColors>

/** Where a command reads and writes: results on standard output, progress and notes on standard error. */
export interface Terminal {
  /** A line of the result. */
  print(text: string): void
  /** Bytes of the result. */
  write(bytes: Uint8Array): Promise<void>
  /** A line for the person who waits. */
  note(text: string): void
  /** Standard input to its end. */
  read(): Promise<Uint8Array>
  /** For standard output. */
  readonly colors: Colors
  /** For standard error. */
  readonly noteColors: Colors
  /** Columns of standard output. */
  readonly width: number
  /** Standard output is a terminal: bytes must not go there. */
  readonly printsToTerminal: boolean
  /** Standard error, when it is a terminal that a progress bar can be drawn on. */
  readonly bar: NodeJS.WriteStream | null
}

/** Leaves every text as it is. */
export const NO_COLORS: Colors = pc.createColors(false)

/** Colours where a person looks: NO_COLOR switches them off, FORCE_COLOR on. */
function colorsFor(stream: NodeJS.WriteStream): Colors {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return NO_COLORS
  if (FORCE_COLOR && FORCE_COLOR !== '0') return pc.createColors(true)
  return pc.createColors(stream.isTTY === true && TERM !== 'dumb')
}

/** The process's own streams: the one place that touches them. */
export function processTerminal(): Terminal {
  const { stdout, stderr, stdin } = process
  const colors = colorsFor(stdout)
  const noteColors = colorsFor(stderr)
  return {
    print: (text) => {
      stdout.write(`${printable(text, colors.isColorSupported)}\n`)
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stdout.write(bytes, (error) => (error ? reject(error) : resolve()))
      }),
    note: (text) => {
      stderr.write(`${printable(text, noteColors.isColorSupported)}\n`)
    },
    async read() {
      const chunks: Uint8Array[] = []
      for await (const chunk of stdin) chunks.push(chunk as Uint8Array)
      return new Uint8Array(Buffer.concat(chunks))
    },
    colors,
    noteColors,
    width: stdout.columns ?? 120,
    printsToTerminal: stdout.isTTY === true,
    bar: stderr.isTTY === true && process.env.TERM !== 'dumb' ? stderr : null,
  }
}

/** Tells when the reader of standard output has seen enough, as `head` has after ten lines. */
export function onOutputClosed(listener: () => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    listener()
  })
}
