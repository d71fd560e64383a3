import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ROOT } from '../workspace.ts'

/** The built command line. */
export const PROGRAM = join(ROOT, 'packages/cli/dist/main.js')

/** A program that runs, what it has printed so far, and how it ends. */
export interface Running {
  readonly child: ChildProcess
  readonly output: { stdout: string; stderr: string }
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Resolves once it has printed that; rejects when it ends before, with what it printed. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
}

/** Starts a program; it is killed when the test is over. */
export function startProgram(
  command: string,
  args: readonly string[],
  { cwd = ROOT, env = {} }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Running {
  const child = spawn(command, args, { cwd, env: { ...process.env, NO_COLOR: '1', ...env }, stdio: 'pipe' })
  child.stdin.end()
  const output = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text
      for (const listener of listeners) listener()
    })
  }
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  // Whoever waits for the end hears of it; nobody else has to.
  ended.catch(() => undefined)
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended.catch(() => undefined)
  })
  const printed = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
        if (found) resolve(found)
      }
      listeners.add(look)
      look()
      ended.then(({ code, signal }) => {
        reject(
          new Error(
            `${command} ended with ${code ?? signal} and never printed ${pattern}\n${output.stderr}${output.stdout}`,
          ),
        )
      }, reject)
    })
  return { child, output, ended, printed }
}

/** Starts `tensorferry`. */
export function startTensorferry(args: readonly string[], options?: Parameters<typeof startProgram>[2]): Running {
  return startProgram(process.execPath, [PROGRAM, ...args], options)
}
