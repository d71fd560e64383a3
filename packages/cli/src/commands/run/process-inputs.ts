import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { decodeImage, type LoadReport, type Model } from '@tensorferry/core'
import { readRegular } from '@tensorferry/core/node'
import { removeParts, writeWhole } from '../../bundle/write-whole.ts'
import type { CommandContext } from '../../context.ts'
import { startProgress } from '../../terminal/progress.ts'
import { type Destination, formatOf } from './destination.ts'
import { type DoneList, openDoneList } from './done-list.ts'
import { holdsTensors, type RunInput } from './inputs.ts'
import type { Outcome } from './outcome.ts'
import { outputStems } from './output-names.ts'
import { readTensors } from './read-tensors.ts'
import { type Result, resultFiles, summarizeResult } from './results.ts'
import type { RunOptions } from './run.ts'
import { runTensors } from './run-tensors.ts'

/** Inputs, and what to do with each. */
interface ProcessInputs {
  readonly model: Model
  readonly source: string
  readonly inputs: readonly RunInput[]
  readonly destination: Destination
  readonly options: RunOptions
  readonly context: CommandContext
}

/**
 * Runs the model on every input, some at a time, and writes the results.
 *
 * @returns what came of each that was reached; all of them unless the signal fired
 * @throws what writing a result throws: it would fail for every other one too
 */
export async function processInputs({
  model,
  source,
  inputs,
  destination,
  options,
  context,
}: ProcessInputs): Promise<readonly Outcome[]> {
  const { terminal, signal } = context
  const stems = outputStems(inputs)
  const outcomes = new Map<RunInput, Outcome>()
  let doneList: DoneList | null = null
  if (destination.kind === 'folder') {
    await removeParts(destination.folder)
    doneList = await openDoneList(destination.folder, await hashOfRun(source, model.report, options))
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
      const bytes = input.path === null ? await terminal.read() : new Uint8Array(await readRegular(input.path))
      const outputs =
        holdsTensors(input.path ?? '') || looksLikeTensors(model, input, bytes)
          ? await runTensors(model, readTensors(bytes, input.path ?? 'stdin.json', model.inputs), { signal })
          : await model.predict(options.upright ? await decodeImage(bytes, { upright: true }) : bytes, { signal })
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
async function hashOfRun(
  source: string,
  { bundle, backend, artifact, runtime }: LoadReport,
  { upright }: RunOptions,
): Promise<string> {
  const found = await stat(source).catch(() => null)
  const path = found?.isDirectory() ? join(source, 'bundle.json') : source
  const content = found ? await readRegular(path) : Buffer.from(source)
  const how = {
    bundle,
    backend,
    artifact,
    name: runtime.name,
    version: runtime.version,
    provider: runtime.provider,
    upright,
  }
  return createHash('sha256').update(content).update(JSON.stringify(how)).digest('hex').slice(0, 16)
}
