import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { formatReport, loadModel, TensorferryError } from '@tensorferry/core'
import { findBackendConfig } from '@tensorferry/core/node'
import { type BackendOptions, preferredBackends } from '../../backends/choose.ts'
import { noteRefused } from '../../backends/note-refused.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { count, formatMilliseconds } from '../../terminal/quantities.ts'
import { readDestination } from './destination.ts'
import { expandInputs } from './inputs.ts'
import { type Outcome, printOutcomes } from './outcome.ts'
import { processInputs } from './process-inputs.ts'

/** Options of `tensorferry run`. */
export interface RunOptions extends BackendOptions, CommonOptions {
  readonly out?: string
  readonly artifact?: string
  readonly verify?: 'off' | 'smoke' | 'full'
  readonly jobs?: number
  /** Makes results again that are there. */
  readonly again?: boolean
  readonly verbose?: boolean
}

/** Runs a model on files. */
export async function run(
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

/** Whether the bundle has steps of its own; a bare model takes tensors. */
async function hasPreprocess(source: string): Promise<boolean> {
  if (/^https?:/i.test(source)) return !/\.(onnx|pt2?)(\?|$)/i.test(source)
  const found = await stat(source).catch(() => null)
  const manifest = found?.isDirectory() ? join(source, 'bundle.json') : source
  if (basename(manifest) !== 'bundle.json') return false
  const { preprocess } = JSON.parse(await readFile(manifest, 'utf8')) as { preprocess: readonly unknown[] }
  return preprocess.length > 0
}
