import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

/** A program that serves until it is stopped. */
export interface ServerProcess {
  readonly child: ChildProcess
  /** What it printed last. */
  printed(): string
  stop(): Promise<void>
}

/** Starts a program in a process group of its own, so that its children end with it. */
export function startProcess(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  cwd: string,
): ServerProcess {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-8000)
    })
  }
  return {
    child,
    printed: () => printed,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      process.kill(-child.pid!, 'SIGKILL')
      await ended
    },
  }
}

/** Asks again until every address answers with 200. @throws Error with what the program printed */
export async function untilReady(
  server: ServerProcess,
  urls: readonly string[],
  milliseconds = 120_000,
): Promise<void> {
  const end = Date.now() + milliseconds
  for (const url of urls) {
    while (
      !(await fetch(url).then(
        (response) => response.ok,
        () => false,
      ))
    ) {
      if (server.child.exitCode !== null) throw new Error(`the server ended\n${server.printed()}`)
      if (Date.now() > end) throw new Error(`${url} is not ready after ${milliseconds} ms\n${server.printed()}`)
      await wait(100)
    }
  }
}
