import type { Command } from 'commander'
import { addBackendOptions } from '../../backends/cli-options.ts'
import type { RunCommand } from '../../command-line.ts'
import type { VerifyOptions } from './verify.ts'

const EXAMPLES = `
The goldens are what PyTorch gave at export. Each is replayed stage by stage: the decoded picture and the network's input must
be equal, its output lie within the bundle's tolerance, the result be equal again. A stage begins from PyTorch's own result of
the stage before, so what fails names the stage that is wrong. Files are checked against their sha256 too; a file that differs
fails, and is replayed as it is to show what the change does.

Exit code 1 when anything differs.

Examples:
  $ tensorferry verify ./digits
  $ tensorferry verify ./digits --backend onnx-node --provider cuda
  $ tensorferry verify ./digits --html report.html   plots, and pictures with their differences, in one file
  $ tensorferry verify ./digits --json | jq .passed`

/** Adds `verify` to the program. */
export function defineVerify(program: Command, runCommand: RunCommand): void {
  const command = program
    .command('verify')
    .description('replay a bundle’s goldens on every installed backend')
    .argument('<bundle>', 'folder of a bundle')
  addBackendOptions(command)
    .option('--artifact <name>', 'one artifact alone (default: all that a backend reads)')
    .option('--html <file>', 'write a report with plots and pictures')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, options: VerifyOptions) =>
      runCommand(async (context) => (await import('./verify.ts')).verify(bundle, options, context)),
    )
}
