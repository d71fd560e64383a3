import type { Command } from 'commander'
import type { RunCommand } from '../../command-line.ts'
import type { TypesOptions } from './types.ts'

const EXAMPLES = `
The types go with a source through bundle(), and a wrong name, dtype or rank then does not compile:

  import { bundle, loadModel } from '@tensorferry/core'
  import type { Digits } from './model.js'
  const model = await loadModel(bundle<Digits>('./digits'))

Examples:
  $ tensorferry types ./digits
  $ tensorferry types ./digits --out src/digits.d.ts --name Digits
  $ tensorferry types ./digits --check               exit code 1 when model.d.ts is not up to date, for CI`

/** Adds `types` to the program. */
export function defineTypes(program: Command, runCommand: RunCommand): void {
  program
    .command('types')
    .description('write the TypeScript types of a bundle')
    .argument('<bundle>', 'folder of a bundle, or a model file')
    .option('-o, --out <file>', 'where to write; - is standard output', 'model.d.ts')
    .option('-n, --name <name>', 'name of the type (default: the bundle’s name)')
    .option('--check', 'write nothing, say whether the file is up to date')
    .option('--force', 'overwrite a file that this command has not written')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', EXAMPLES)
    .action((bundle: string, options: TypesOptions) =>
      runCommand(async (context) => (await import('./types.ts')).types(bundle, options, context)),
    )
}
