#!/usr/bin/env node
import { runCommandLine } from './command-line.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { onOutputClosed } from './terminal/terminal.ts'

/** A terminal sends Ctrl-C to npx and to this process, and npx hands it on: one press is two signals. */
const SAME_PRESS_MS = 500

/** Milliseconds that what is still there has after the command itself has ended. */
const LAST_MS = 1000

const interrupt = new AbortController()
let first: { readonly name: string; readonly at: number } | undefined
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    const now = performance.now()
    if (first === undefined) {
      first = { name, at: now }
      interrupt.abort()
      return
    }
    if (name === first.name && now - first.at < SAME_PRESS_MS) return
    // The second time nothing is waited for.
    process.exit(EXIT_CODES.INTERRUPTED)
  })
}
onOutputClosed(() => process.exit(EXIT_CODES.DONE))

process.exitCode = await runCommandLine(process.argv.slice(2), { signal: interrupt.signal })
// A run that nothing can interrupt may be left, and would keep the process.
if (interrupt.signal.aborted) setTimeout(() => process.exit(), LAST_MS).unref()
