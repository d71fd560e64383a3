export { type CommandLineOptions, runCommandLine } from './command-line.ts'
export { EXIT_CODES, type ExitCode } from './exit-codes.ts'
export type { Colors, Terminal } from './terminal/terminal.ts'
