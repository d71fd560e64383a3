import type { Terminal } from './terminal/terminal.ts'

/** What every command gets beside its arguments and options. */
export interface CommandContext {
  readonly terminal: Terminal
  /** Fires at Ctrl-C. */
  readonly signal: AbortSignal
}

/** Options that every command has. */
export interface CommonOptions {
  /** One JSON document on standard output. */
  readonly json?: boolean
}
