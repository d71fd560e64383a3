import type { Command } from 'commander'
import { addBackendOptions } from '../../backends/cli-options.ts'
import type { RunCommand } from '../../command-line.ts'
import type { DoctorOptions } from './doctor.ts'

const EXAMPLES = `
Each backend that is found is asked whether it works here, and runs a tiny model whose results are known. Exit code 4 when
none of them works.

Examples:
  $ tensorferry doctor
  $ tensorferry doctor --backend ./my-backend.js
  $ tensorferry doctor --json | jq '.backends[] | select(.usable)'`

/** Adds `doctor` to the program. */
export function defineDoctor(program: Command, runCommand: RunCommand): void {
  const command = program.command('doctor').description('say what this machine has, and why a backend does not work')
  addBackendOptions(command)
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((options: DoctorOptions) =>
      runCommand(async (context) => (await import('./doctor.ts')).doctor(options, context)),
    )
}
