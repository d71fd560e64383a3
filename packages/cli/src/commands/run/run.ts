import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { formatReport, type LoadReport, loadModel, type Model, TensorferryError } from '@tensorferry/core'
import { type BackendOptions, preferredBackends } from '../../backends/choose.ts'
import { findConfig } from '../../backends/config.ts'
import { removeParts, writeWhole } from '../../bundle/write-whole.ts'
import type { CommandContext, CommonOptions } from '../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../exit-codes.ts'
import { startProgress } from '../../terminal/progress.ts'
import { count, formatMilliseconds } from '../../terminal/quantities.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { type Destination, formatOf, readDestination } from './destination.ts'
import { type DoneList, openDoneList } from './done-list.ts'
import { expandInputs, holdsTensors, type RunInput } from './inputs.ts'
import { type Outcome, printOutcomes } from './outcome.ts'
import { outputStems } from './output-names.ts'
import { readTensors } from './read-tensors.ts'
import { type Result, resultFiles, summarizeResult } from './results.ts'

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
    verify: options.verify ?? findConfig()?.verify,
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
    outcomes.push(...(await runAll({ model, source, inputs, destination, options, context: { terminal, signal } })))
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

/** Another backend than the first one runs: that is never left unsaid. */
function noteRefused({ attempts, backend }: LoadReport, terminal: Terminal): void {
  for (const attempt of attempts) {
    if (attempt.outcome === 'chosen') continue
    const { backend: name, stage, code, reason } = attempt
    terminal.note(`${terminal.noteColors.yellow('refused:')} ${name} at ${stage}: ${code}: ${reason}; ${backend} runs`)
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

interface RunAll {
  readonly model: Model
  readonly source: string
  readonly inputs: readonly RunInput[]
  readonly destination: Destination
  readonly options: RunOptions
  readonly context: CommandContext
}

async function runAll({ model, source, inputs, destination, options, context }: RunAll): Promise<readonly Outcome[]> {
  const { terminal, signal } = context
  const stems = outputStems(inputs)
  const outcomes = new Map<RunInput, Outcome>()
  let doneList: DoneList | null = null
  if (destination.kind === 'folder') {
    await removeParts(destination.folder)
    doneList = await openDoneList(destination.folder, await hashOfRun(source, model.report))
    for (const input of inputs) {
      if (options.again || input.path === null) continue
      const files = await doneList.find(input.path, stems.get(input)!)
      if (files) outcomes.set(input, { name: input.name, status: 'skipped', files })
    }
  }
  const waiting = inputs.filter((input) => !outcomes.has(input))
  if (outcomes.size > 0)
    terminal.note(`${outcomes.size} of ${inputs.length} are there already; --again makes them anew`)
  const progress = startProgress(terminal, 'ran', waiting.length)

  const runOne = async (input: RunInput): Promise<Outcome> => {
    const begin = performance.now()
    let result: Result
    try {
      const bytes = input.path === null ? await terminal.read() : new Uint8Array(await readFile(input.path))
      const outputs =
        holdsTensors(input.path ?? '') || looksLikeTensors(model, input, bytes)
          ? await model.run(readTensors(bytes, input.path ?? 'stdin.json', model.inputs), { signal })
          : await model.predict(bytes, { signal })
      result = outputs as Result
    } catch (error) {
      if (signal.aborted) throw error
      return { name: input.name, status: 'failed', error: error as Error }
    }
    const milliseconds = performance.now() - begin
    // What fails from here on fails for every file: the disk is full, or the folder cannot be written.
    const files = await writeResult(result, input, { destination, stem: stems.get(input)!, doneList, context })
    const kept = summarizeResult(result, destination.kind !== 'print')
    return { name: input.name, status: 'done', result: kept, files, milliseconds }
  }
  const next = waiting[Symbol.iterator]()
  const work = async (): Promise<void> => {
    for (const input of next) {
      if (signal.aborted) return
      outcomes.set(input, await runOne(input))
      progress.advance(input.name)
    }
  }
  // Decoding and encoding of some pictures go on while the network runs on another.
  const jobs = options.jobs ?? Math.min(4, availableParallelism() + 1)
  const ended = await Promise.allSettled(Array.from({ length: Math.min(jobs, waiting.length) }, work))
  progress.stop()
  const broken = ended.find((one) => one.status === 'rejected')
  if (broken && !signal.aborted) throw broken.reason
  return inputs.flatMap((input) => outcomes.get(input) ?? [])
}

/** Standard input has no name: a model without steps takes tensors there. */
function looksLikeTensors(model: Model, input: RunInput, bytes: Uint8Array): boolean {
  if (input.path !== null) return false
  const first = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart()[0]
  return model.report.bundle === null || first === '{' || first === '['
}

interface WriteTo {
  readonly destination: Destination
  readonly stem: string
  readonly doneList: DoneList | null
  readonly context: CommandContext
}

async function writeResult(
  result: Result,
  input: RunInput,
  { destination, stem, doneList, context }: WriteTo,
): Promise<readonly string[]> {
  if (destination.kind === 'print') return []
  const files = await resultFiles(result, formatOf(destination))
  if (destination.kind === 'stdout') {
    for (const { content } of files)
      await context.terminal.write(typeof content === 'string' ? Buffer.from(content) : content)
    return []
  }
  const written: Record<string, number> = {}
  for (const { suffix, content } of files) {
    const name = destination.kind === 'file' ? destination.stem + sameSuffix(destination, suffix) : stem + suffix
    await writeWhole(join(destination.folder, name), content)
    written[name] = typeof content === 'string' ? Buffer.byteLength(content) : content.length
  }
  if (input.path !== null) await doneList?.add(input.path, written)
  return Object.keys(written)
}

/** `.jpg` as it was asked for, in place of `.jpeg`. */
function sameSuffix(destination: Destination & { kind: 'file' }, suffix: string): string {
  return suffix === `.${formatOf(destination)}` ? destination.suffix : suffix
}

/** Changes with the model and with what runs it; results of another one are made again. */
async function hashOfRun(source: string, { bundle, backend, artifact, runtime }: LoadReport): Promise<string> {
  const found = await stat(source).catch(() => null)
  const path = found?.isDirectory() ? join(source, 'bundle.json') : source
  const content = found ? await readFile(path) : Buffer.from(source)
  const how = { bundle, backend, artifact, name: runtime.name, version: runtime.version, provider: runtime.provider }
  return createHash('sha256').update(content).update(JSON.stringify(how)).digest('hex').slice(0, 16)
}
