#!/usr/bin/env node
import { runCommandLine } from './command-line.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { onOutputClosed } from './terminal/terminal.ts'

const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second time nothing is waited for.
    if (interrupt.signal.aborted) process.exit(EXIT_CODES.INTERRUPTED)
    interrupt.abort()
  })
}
onOutputClosed(() => process.exit(EXIT_CODES.DONE))

process.exitCode = await runCommandLine(process.argv.slice(2), { signal: interrupt.signal })
