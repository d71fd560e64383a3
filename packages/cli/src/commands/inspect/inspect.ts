import { openOnDisk } from '../../bundle/read.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { toJson } from '../../terminal/plain.ts'
import { formatBundle, readBundle } from './bundle.ts'
import { formatModelFile, readModelFile } from './model-file.ts'

/** Options of `tensorferry inspect`. */
export type InspectOptions = CommonOptions

/** Shows a bundle or a model file. */
export async function inspect(
  source: string,
  options: InspectOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const opened = await openOnDisk(source)
  if (opened.kind === 'file') {
    const facts = await readModelFile(opened.path, signal)
    terminal.print(options.json ? toJson(facts) : formatModelFile(facts, terminal.colors))
    return EXIT_CODES.DONE
  }
  const facts = await readBundle(opened)
  terminal.print(options.json ? toJson(facts) : formatBundle(facts, terminal.colors))
  return facts.files.every(({ problem }) => problem === null) ? EXIT_CODES.DONE : EXIT_CODES.CHECK_FAILED
}
