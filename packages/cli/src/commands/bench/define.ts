import type { Command } from 'commander'
import { addBackendOptions, parsePositive, parsePositives } from '../../backends/cli-options.ts'
import type { RunCommand } from '../../command-line.ts'
import type { BenchOptions } from './bench.ts'

const EXAMPLES = `
Every combination of backend, threads and batch is loaded, its first golden replayed, and timed in rounds that take turns, so
that what slows the machine down for a while slows all of them. Latency is one run from tensors to tensors, pre- and
postprocessing left out; throughput is rows of the batch a second at the median.

Examples:
  $ tensorferry bench ./digits
  $ tensorferry bench ./super-resolution-x3 --batch 1,4 --threads 1,2 --dim height=224 --dim width=224 --svg bench.svg
  $ tensorferry bench ./model.onnx --shape image=1,3,224,224 --json > bench.json`

/** Adds `bench` to the program. */
export function defineBench(program: Command, runCommand: RunCommand): void {
  const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value]
  const command = program
    .command('bench')
    .description('measure latency and throughput against batch, threads and backend')
    .argument('<bundle>', 'folder of a bundle, or a model file')
  addBackendOptions(command, { threads: false })
    .option(
      '-t, --threads <numbers>',
      'threads of one run, with commas between them (default: 1 and all cores)',
      parsePositives,
    )
    .option('--batch <numbers>', 'rows of a batch, with commas between them (default: 1,4,16)', parsePositives)
    .option('--dim <name=size>', 'size of a named dim; may be repeated', collect)
    .option('--shape <input=sizes>', 'shape of an input, such as image=1,3,224,224; may be repeated', collect)
    .option('--artifact <name>', 'which of the bundle’s artifacts')
    .option('--rounds <number>', 'turns of each combination', parsePositive, 5)
    .option('--milliseconds <number>', 'time of each turn; at least one run', parsePositive, 200)
    .option('--svg <file>', 'write a chart')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, options: BenchOptions) =>
      runCommand(async (context) => (await import('./bench.ts')).bench(bundle, options, context)),
    )
}
