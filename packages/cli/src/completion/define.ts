import { Argument, type Command } from 'commander'
import type { RunCommand } from '../command-line.ts'
import { EXIT_CODES } from '../exit-codes.ts'
import { suggest } from './suggest.ts'

const SHELLS = ['bash', 'zsh', 'fish', 'pwsh'] as const

/** What the scripts of zsh, fish and PowerShell take for "a file". */
const FILES_MARK = '__tabtab_complete_files__'

const EXAMPLES = `
Prints a script; the shell reads it at its start.

Examples:
  $ tensorferry completion bash >> ~/.bashrc
  $ tensorferry completion zsh >> ~/.zshrc                 after compinit
  $ tensorferry completion fish > ~/.config/fish/completions/tensorferry.fish
  $ tensorferry completion pwsh >> $PROFILE`

/** Adds `completion`, which prints a shell's script, and the hidden command that the scripts call. */
export function defineCompletion(program: Command, runCommand: RunCommand): void {
  program
    .command('completion')
    .description('print a script that completes commands, options and files in a shell')
    .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action((shell: (typeof SHELLS)[number]) =>
      runCommand(async ({ terminal }) => {
        const { getCompletionScript } = (await import('@pnpm/tabtab')).default
        terminal.print((await getCompletionScript({ name: 'tensorferry', completer: 'tensorferry', shell })).trimEnd())
        return EXIT_CODES.DONE
      }),
    )
  program
    .command('completion-server', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(() =>
      runCommand(async ({ terminal }) => {
        const { getShellFromEnv, log, parseEnv } = (await import('@pnpm/tabtab')).default
        const shell = getShellFromEnv(process.env)
        const words = parseEnv(process.env).partial.split(/\s+/).slice(1)
        const found = suggest(program, words)
        if (found !== 'files') log([...found], shell, (line) => terminal.print(line))
        // Bash completes files by itself where nothing is printed.
        else if (shell !== 'bash') terminal.print(FILES_MARK)
        return EXIT_CODES.DONE
      }),
    )
}
