import { type Command, Option } from 'commander'
import { addBackendOptions } from '../../backends/cli-options.ts'
import type { RunCommand } from '../../command-line.ts'
import type { InitOptions } from './init.ts'

const EXAMPLES = `
Installs what is missing with the package manager that the project uses (npm, pnpm, yarn, bun), then writes
tensorferry.config.json into the current folder. A config that is there is kept unless --force is given.

Examples:
  $ npx tensorferry init
  $ tensorferry init --backend libtorch --backend onnx-node --threads 2
  $ tensorferry init --no-install                    prints the command in place of running it`

/** Adds `init` to the program. */
export function defineInit(program: Command, runCommand: RunCommand): void {
  const command = program.command('init').description('set a project up: its config file and its backend')
  addBackendOptions(command)
    .addOption(
      new Option('--verify <mode>', 'goldens to replay at load').choices(['off', 'smoke', 'full']).default('smoke'),
    )
    .option('--no-install', 'print the install command, do not run it')
    .option('--force', 'overwrite tensorferry.config.json')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((options: InitOptions) => runCommand(async (context) => (await import('./init.ts')).init(options, context)))
}
