import { formatReport, loadModel, TensorferryError } from '@tensorferry/core'
import { findBackendConfig } from '@tensorferry/core/node'
import { type BackendOptions, preferredBackends } from '../../backends/choose.ts'
import { noteRefused } from '../../backends/note-refused.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { count, formatMilliseconds } from '../../terminal/quantities.ts'
import { readDestination } from './destination.ts'
import { hasPreprocess } from './has-preprocess.ts'
import { expandInputs } from './inputs.ts'
import { type Outcome, printOutcomes } from './outcome.ts'
import { processInputs } from './process-inputs.ts'

/** Options of `tensorferry run`. */
export interface RunOptions extends BackendOptions, CommonOptions {
  readonly out?: string
  readonly artifact?: string
  readonly verify?: 'off' | 'smoke' | 'full'
  readonly jobs?: number
  /** Turns pictures as their EXIF says. */
  readonly upright?: boolean
  /** Makes results again that are there. */
  readonly again?: boolean
  readonly verbose?: boolean
  /** Redis that holds the files; workers take them from there. */
  readonly queue?: string
  /** Takes files from the queue. */
  readonly worker?: boolean
  /** A worker that ends when nothing is left. */
  readonly untilEmpty?: boolean
}

/** Runs a model on files, here or through a queue. */
export async function run(
  source: string,
  args: readonly string[],
  options: RunOptions,
  context: CommandContext,
): Promise<ExitCode> {
  if (options.queue === undefined) return runHere(source, args, options, context)
  if (options.worker) return (await import('./queue/work.ts')).work(source, options.queue, options, context)
  return (await import('./queue/produce.ts')).produce(source, args, options.queue, options, context)
}

async function runHere(
  source: string,
  args: readonly string[],
  options: RunOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const destination = await readDestination(options.out)
  if (options.json && destination.kind === 'stdout') {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      '--out -: standard output holds the JSON document; leave --json or --out out',
    )
  }
  if (args.includes('-') && args.filter((arg) => arg === '-').length > 1) {
    throw new TensorferryError('OPTIONS_INVALID', '-: standard input can be read once')
  }
  const start = performance.now()
  const model = await loadModel(source, {
    backend: await preferredBackends(options),
    artifact: options.artifact,
    verify: options.verify ?? (await findBackendConfig())?.verify,
    signal,
  })
  try {
    if (options.verbose) terminal.note(formatReport(model.report))
    else noteRefused(model.report, terminal)
    // Those of the pictures come after.
    const known = model.report.warnings.length
    const takesPictures = await hasPreprocess(source)
    const folder = destination.kind === 'folder' ? destination.folder : null
    const { inputs, failures } = await expandInputs(args, takesPictures, folder)
    if (inputs.length !== 1 && (destination.kind === 'file' || destination.kind === 'stdout')) {
      throw new TensorferryError(
        'OPTIONS_INVALID',
        `--out ${options.out}: a file holds one result, there are ${inputs.length} inputs; name a folder`,
      )
    }
    const outcomes: Outcome[] = failures.map(({ name, error }) => ({ name, status: 'failed', error }))
    outcomes.push(
      ...(await processInputs({ model, source, inputs, destination, options, context: { terminal, signal } })),
    )
    const isInterrupted = signal.aborted
    const seconds = formatMilliseconds(performance.now() - start)
    printOutcomes(outcomes, { destination, json: options.json === true, report: model.report, terminal })
    if (!options.json)
      for (const warning of model.report.warnings.slice(known))
        terminal.note(`${terminal.noteColors.yellow('warning:')} ${warning}`)
    const failed = outcomes.filter(({ status }) => status === 'failed').length
    const done = outcomes.filter(({ status }) => status === 'done').length
    const skipped = outcomes.filter(({ status }) => status === 'skipped').length
    if (outcomes.length > 1 || isInterrupted || failed > 0) {
      const parts = [`${count(done, 'file')} done`]
      if (skipped > 0) parts.push(`${skipped} were there already`)
      if (failed > 0) parts.push(terminal.noteColors.red(`${failed} failed`))
      const left = inputs.length + failures.length - outcomes.length
      if (isInterrupted) parts.push(`interrupted, ${left} left${folder ? ': run it again to go on' : ''}`)
      terminal.note(`${parts.join(', ')}${folder ? ` in ${options.out}` : ''} (${seconds})`)
    }
    if (isInterrupted) return EXIT_CODES.INTERRUPTED
    return failed > 0 ? EXIT_CODES.CHECK_FAILED : EXIT_CODES.DONE
  } finally {
    await model.dispose()
  }
}
