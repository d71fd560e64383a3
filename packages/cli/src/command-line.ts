import { TensorferryError } from '@tensorferry/core'
import { Command, CommanderError } from 'commander'
import { defineBench } from './commands/bench/define.ts'
import { defineDeploy } from './commands/deploy/define.ts'
import { defineDoctor } from './commands/doctor/define.ts'
import { defineInit } from './commands/init/define.ts'
import { defineInspect } from './commands/inspect/define.ts'
import { defineRun } from './commands/run/define.ts'
import { defineServe } from './commands/serve/define.ts'
import { defineTypes } from './commands/types/define.ts'
import { defineVerify } from './commands/verify/define.ts'
import { defineCompletion } from './completion/define.ts'
import type { CommandContext } from './context.ts'
import { EXIT_CODES, EXIT_CODES_HELP, type ExitCode, exitCodeOf } from './exit-codes.ts'
import { ownVersion } from './own-version.ts'
import { toJson } from './terminal/plain.ts'
import { plainError } from './terminal/plain-error.ts'
import { processTerminal, type Terminal } from './terminal/terminal.ts'

/** Gives a command its context, and keeps how it ended. */
export type RunCommand = (command: (context: CommandContext) => Promise<ExitCode>) => Promise<void>

/** Options of {@link runCommandLine}. */
export interface CommandLineOptions {
  /** Where to read and write; default: the process's own streams. */
  readonly terminal?: Terminal
  /** Ends what runs; results that are written stay. */
  readonly signal?: AbortSignal
}

const COMMANDS = [
  defineRun,
  defineServe,
  defineInspect,
  defineVerify,
  defineBench,
  defineTypes,
  defineDeploy,
  defineDoctor,
  defineInit,
]

const HELP = `
${EXIT_CODES_HELP}

Environment:
  TENSORFERRY_BACKEND  backends to use, with commas between them, in place of tensorferry.config.json
  TENSORFERRY_CACHE    folder of downloaded bundles
  NO_COLOR             no colours; they are on terminals alone anyway

Examples:
  $ npx tensorferry init
  $ tensorferry run ./digits three.png
  $ tensorferry verify ./digits --html report.html
  $ tensorferry serve ./digits --port 8080
  $ source <(tensorferry completion bash)        also zsh, fish, pwsh

tensorferry COMMAND --help tells more of each command.`

/**
 * Runs the command line.
 *
 * @param args - without the program's own name, such as `['verify', './digits', '--json']`
 * @returns the exit code, one of {@link EXIT_CODES}; errors are reported, not thrown
 */
export async function runCommandLine(
  args: readonly string[],
  { terminal = processTerminal(), signal = new AbortController().signal }: CommandLineOptions = {},
): Promise<ExitCode> {
  let ended: ExitCode = EXIT_CODES.DONE
  const runCommand: RunCommand = async (command) => {
    ended = await command({ terminal, signal })
  }
  const program = createProgram(terminal, runCommand)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return ended
  } catch (error) {
    return report(error, args, terminal, signal)
  }
}

function createProgram(terminal: Terminal, runCommand: RunCommand): Command {
  const program = new Command('tensorferry')
    .description('Runs, inspects, verifies and measures PyTorch models that were exported to a bundle.')
    .version(ownVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .showHelpAfterError('(tensorferry --help lists the commands and options)')
    .configureHelp({ helpWidth: Math.min(terminal.width, 120), showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error:/, terminal.noteColors.red('error:'))),
    })
    .exitOverride()
    .addHelpText('after', HELP)
  for (const define of COMMANDS) define(program, runCommand)
  defineCompletion(program, runCommand)
  return program
}

function report(error: unknown, args: readonly string[], terminal: Terminal, signal: AbortSignal): ExitCode {
  const json = args.includes('--json')
  if (error instanceof CommanderError) {
    if (error.exitCode === 0 || error.code === 'commander.help') {
      return error.exitCode === 0 ? EXIT_CODES.DONE : EXIT_CODES.USAGE
    }
    if (json) {
      const message = error.message.replace(/^error: /, '')
      terminal.print(toJson({ error: { code: 'OPTIONS_INVALID', message, details: { reason: error.code } } }))
    }
    return EXIT_CODES.USAGE
  }
  if (json) terminal.print(toJson({ error: plainError(error) }))
  if (signal.aborted) {
    terminal.note('interrupted')
    return EXIT_CODES.INTERRUPTED
  }
  const isTyped = TensorferryError.is(error)
  const { red } = terminal.noteColors
  const text = isTyped ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : String(error)
  terminal.note(`${red('error:')} ${text}`)
  return exitCodeOf(error)
}
