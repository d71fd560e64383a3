import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { libtorchRoot } from './environment.ts'

const program = fileURLToPath(new URL('./programs/end-under-load.mjs', import.meta.url))

/** How a process ended. */
export interface End {
  readonly code: number | null
  readonly signal: string | null
  readonly output: string
}

/** Runs the program to its end, with TorchScript or a compiled package; 134 or SIGABRT is the abort, 139 or SIGSEGV the crash that must not be. */
export function end(how: string, delay = 0, compiled?: string): Promise<End> {
  const args = [program, libtorchRoot, how, String(delay), ...(compiled ? [compiled] : [])]
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, output: stdout + stderr })
    })
  })
}

/** Moments of the load and of the runs that the end falls on, in milliseconds. */
export const DELAYS = [50, 200, 350, 450, 550]

/** Ways to end, and the exit code of each. */
export const WAYS: readonly (readonly [string, number])[] = [
  ['exit', 0],
  ['short', 0],
  ['reallyExit', 0],
  ['loading', 0],
  ['worker', 0],
  ['worker-exit', 0],
  ['dispose', 0],
  ['throw', 1],
]
