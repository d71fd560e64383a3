import { type Command, Option } from 'commander'
import { addBackendOptions, parsePositive } from '../../backends/cli-options.ts'
import type { RunCommand } from '../../command-line.ts'
import type { RunOptions } from './run.ts'

const EXAMPLES = `
Results are printed, or written with --out: pictures as PNG, everything else as JSON. A folder that is half done is
completed: what is whole and was made by this model from the file as it is now is passed over. Files that fail are named at
the end, the others are done.

With --queue the files are put into Redis, run by those who called it with --worker, and waited for. Bundle, files and --out
have to be paths that all of them see, or URLs. Workers may be killed and added.

Examples:
  $ tensorferry run ./digits three.png
  $ tensorferry run ./super-resolution-x3 'photos/**/*.jpg' --out larger/
  $ tensorferry run ./super-resolution-x3 photos/ --out larger/ --backend onnx-node --threads 2
  $ cat three.png | tensorferry run ./digits - --json
  $ tensorferry run ./model.onnx inputs.json          { "image": [[0.1, 0.2]] }, or a .safetensors file
  $ tensorferry run ./super-resolution-x3 cat.jpg --out cat-x3.png
  $ tensorferry run ./digits --queue redis://jobs.example.org --worker                      on each machine
  $ tensorferry run ./digits photos/ --out results/ --queue redis://jobs.example.org`

/** Adds `run` to the program. */
export function defineRun(program: Command, runCommand: RunCommand): void {
  const command = program
    .command('run')
    .description('run a model on pictures or tensors')
    .argument('<bundle>', 'folder or URL of a bundle, or a model file')
    .argument('[files...]', 'pictures, .json or .safetensors files, folders, patterns; - is standard input')
    .option('-o, --out <path>', 'folder for the results; for one input also a file, or - for standard output')
  addBackendOptions(command)
    .option('--artifact <name>', 'which of the bundle’s artifacts, such as onnx-fp16')
    .addOption(new Option('--verify <mode>', 'goldens to replay before').choices(['off', 'smoke', 'full']))
    .option(
      '-j, --jobs <number>',
      'files in work at a time (default: one more than the cores, at most 4)',
      parsePositive,
    )
    .option('--upright', 'turn pictures as their EXIF says, as PIL.ImageOps.exif_transpose does')
    .option('--again', 'make results anew that are there already')
    .option('--queue <url>', 'Redis that holds the files (redis://HOST:PORT); workers on any machine run them')
    .option('--worker', 'be a worker of --queue: takes files, until it is stopped')
    .option('--until-empty', 'a worker that ends when the queue is empty')
    .option('-v, --verbose', 'say what was loaded, from where and how long it took')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, files: readonly string[], options: RunOptions) => {
      refuseContradictions(command, files, options)
      return runCommand(async (context) => (await import('./run.ts')).run(bundle, files, options, context))
    })
}

/** What commander cannot say by itself: which options need each other, and files where there is no worker. */
function refuseContradictions(command: Command, files: readonly string[], options: RunOptions): void {
  const refuse = (message: string): never => command.error(`error: ${message}`, { code: 'tensorferry.contradiction' })
  if (options.queue === undefined && (options.worker || options.untilEmpty)) refuse('--worker needs --queue')
  if (options.untilEmpty && !options.worker) refuse('--until-empty needs --worker')
  if (options.upright && options.queue !== undefined) refuse('--upright works without --queue')
  if (options.worker && files.length > 0) refuse('--worker takes its files from the queue: leave them out')
  if (options.worker && options.out !== undefined) refuse('--worker: whoever adds the files says --out')
  if (!options.worker && files.length === 0) refuse("missing required argument 'files'")
}
