import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How a program of misuse ended. */
export interface End {
  readonly code: number | null
  readonly signal: string | null
  /** How often each outcome came. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly errors: string
}

/** Runs a program of `programs/` in a child process; one that hangs is killed, which shows as a signal. */
export function abuse(program: string, args: readonly string[], timeout: number): Promise<End> {
  const path = fileURLToPath(new URL(`./programs/${program}`, import.meta.url))
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path, ...args], { timeout }, (_, stdout, errors) => {
      const outcomes = stdout ? (JSON.parse(stdout) as End['outcomes']) : {}
      resolve({ code: child.exitCode, signal: child.signalCode, outcomes, errors })
    })
  })
}

/** Calls whose outcome has a name like that. */
export function total(outcomes: End['outcomes'], pattern = /^/): number {
  return Object.entries(outcomes).reduce((sum, [name, count]) => sum + (pattern.test(name) ? count : 0), 0)
}
