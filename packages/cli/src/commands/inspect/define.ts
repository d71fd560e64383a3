import type { Command } from 'commander'
import type { RunCommand } from '../../command-line.ts'
import type { InspectOptions } from './inspect.ts'

const EXAMPLES = `
A bundle shows its card, inputs, outputs, dims, steps, artifacts and files, whose sizes and hashes are checked: exit code 1
when one differs. A bare .onnx shows what the file and an installed backend say; a .pt or .pt2 what its archive says.

Examples:
  $ tensorferry inspect ./digits
  $ tensorferry inspect ./model.onnx
  $ tensorferry inspect ./digits --json | jq .artifacts`

/** Adds `inspect` to the program. */
export function defineInspect(program: Command, runCommand: RunCommand): void {
  program
    .command('inspect')
    .description('show what a bundle or a model file holds')
    .argument('<bundle>', 'folder of a bundle, or an .onnx, .pt or .pt2 file')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, options: InspectOptions) =>
      runCommand(async (context) => (await import('./inspect.ts')).inspect(bundle, options, context)),
    )
}
