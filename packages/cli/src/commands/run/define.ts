import { type Command, Option } from 'commander'
import { addBackendOptions, parsePositive } from '../../backends/cli-options.ts'
import type { RunCommand } from '../../command-line.ts'
import type { RunOptions } from './run.ts'

const EXAMPLES = `
Results are printed, or written with --out: pictures as PNG, everything else as JSON. A folder that is half done is
completed: what is whole and was made by this model from the file as it is now is passed over. Files that fail are named at
the end, the others are done.

Examples:
  $ tensorferry run ./digits three.png
  $ tensorferry run ./super-resolution-x3 'photos/**/*.jpg' --out larger/
  $ tensorferry run ./super-resolution-x3 photos/ --out larger/ --backend onnx-node --threads 2
  $ cat three.png | tensorferry run ./digits - --json
  $ tensorferry run ./model.onnx inputs.json          { "image": [[0.1, 0.2]] }, or a .safetensors file
  $ tensorferry run ./super-resolution-x3 cat.jpg --out cat-x3.png`

/** Adds `run` to the program. */
export function defineRun(program: Command, runCommand: RunCommand): void {
  const command = program
    .command('run')
    .description('run a model on pictures or tensors')
    .argument('<bundle>', 'folder or URL of a bundle, or a model file')
    .argument('<files...>', 'pictures, .json or .safetensors files, folders, patterns; - is standard input')
    .option('-o, --out <path>', 'folder for the results; for one input also a file, or - for standard output')
  addBackendOptions(command)
    .option('--artifact <name>', 'which of the bundle’s artifacts, such as onnx-fp16')
    .addOption(new Option('--verify <mode>', 'goldens to replay before').choices(['off', 'smoke', 'full']))
    .option(
      '-j, --jobs <number>',
      'files in work at a time (default: one more than the cores, at most 4)',
      parsePositive,
    )
    .option('--again', 'make results anew that are there already')
    .option('-v, --verbose', 'say what was loaded, from where and how long it took')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, files: readonly string[], options: RunOptions) =>
      runCommand(async (context) => (await import('./run.ts')).run(bundle, files, options, context)),
    )
}
