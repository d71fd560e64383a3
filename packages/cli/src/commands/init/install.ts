import { spawn } from 'node:child_process'
import { TensorferryError } from '@tensorferry/core'
import { resolveCommand } from 'package-manager-detector/commands'
import { detect, getUserAgent } from 'package-manager-detector/detect'
import type { Terminal } from '../../terminal/terminal.ts'

/** A package manager's command. */
export interface InstallCommand {
  readonly command: string
  readonly args: readonly string[]
  /** As it is typed. */
  readonly text: string
}

/** The command of the package manager that the project's lockfile or package.json names, else of the one that runs this, else npm. */
export async function findInstallCommand(packages: readonly string[]): Promise<InstallCommand> {
  const found = await detect({ cwd: process.cwd() })
  const agent = found?.agent ?? getUserAgent() ?? 'npm'
  const resolved = resolveCommand(agent, 'add', [...packages]) ?? { command: 'npm', args: ['install', ...packages] }
  return { ...resolved, text: [resolved.command, ...resolved.args].join(' ') }
}

/**
 * Runs an install; what it prints goes to standard error.
 *
 * @throws TensorferryError `RUNTIME_FAILED` when it ends with an error or cannot be started
 */
export function runInstall(
  { command, args, text }: InstallCommand,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      reject(
        new TensorferryError('RUNTIME_FAILED', `${text}: ${reason}; nothing was written`, {
          details: { command: text },
        }),
      )
    }
    // Windows finds npm.cmd through a shell alone.
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
      signal,
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => terminal.note(chunk.trimEnd()))
    }
    child.once('error', (error) => fail(error.message))
    child.once('close', (code) => (code === 0 ? resolve() : fail(`ended with exit code ${code}`)))
  })
}
