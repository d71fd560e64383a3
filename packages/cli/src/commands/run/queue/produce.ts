import { TensorferryError } from '@tensorferry/core'
import { Queue, QueueEvents } from 'bullmq'
import { removeParts } from '../../../bundle/write-whole.ts'
import type { CommandContext } from '../../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../../exit-codes.ts'
import { startProgress } from '../../../terminal/progress.ts'
import { count } from '../../../terminal/quantities.ts'
import type { Terminal } from '../../../terminal/terminal.ts'
import { readDestination } from '../destination.ts'
import { openDoneList } from '../done-list.ts'
import { hasPreprocess } from '../has-preprocess.ts'
import { expandInputs, type RunInput } from '../inputs.ts'
import { outputStems } from '../output-names.ts'
import type { RunOptions } from '../run.ts'
import { findRedis, outageTeller, shownUrl } from './connect.ts'
import { settleFiles } from './file-queue.ts'
import { identifyQueue } from './identify.ts'
import { type FileDone, type FileJob, isUrl, jobId, urlInput } from './job.ts'
import { type FileOutcome, failureOf, printFileOutcomes } from './outcome.ts'

async function findInputs(
  source: string,
  args: readonly string[],
  folder: string,
): Promise<{ inputs: readonly RunInput[]; outcomes: FileOutcome[] }> {
  if (args.includes('-')) {
    throw new TensorferryError('OPTIONS_INVALID', '--queue: workers on other machines cannot read standard input')
  }
  const { inputs, failures } = await expandInputs(
    args.filter((arg) => !isUrl(arg)),
    await hasPreprocess(source),
    folder,
  )
  const outcomes = failures.map(({ name, error }): FileOutcome => ({ file: name, status: 'failed', error }))
  return { inputs: [...inputs, ...[...new Set(args.filter(isUrl))].map(urlInput)], outcomes }
}

/** Puts files into the queue, waits until workers have done them, and says what became of each. */
export async function produce(
  source: string,
  args: readonly string[],
  url: string,
  options: RunOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const start = performance.now()
  const destination = await readDestination(options.out)
  if (destination.kind !== 'folder') {
    throw new TensorferryError(
      'OPTIONS_INVALID',
      '--queue: --out has to name a folder, which all workers see under the same path',
    )
  }
  const { folder } = destination
  const identity = await identifyQueue(source)
  const { inputs, outcomes } = await findInputs(source, args, folder)
  await removeParts(folder)
  const doneList = await openDoneList(folder, identity.queue)
  const stems = outputStems(inputs)
  const jobs = new Map<string, FileJob>()
  for (const input of inputs) {
    const job = { name: input.name, input: input.path!, folder, stem: stems.get(input)! }
    const files = options.again ? null : await doneList.find(job.input, job.stem)
    if (files) outcomes.push({ file: input.name, status: 'skipped', files })
    else jobs.set(await jobId(job), job)
  }
  if (jobs.size < inputs.length) {
    terminal.note(`${inputs.length - jobs.size} of ${inputs.length} are there already; --again makes them anew`)
  }

  const connection = await findRedis(url)
  const queue = new Queue<FileJob, FileDone>(identity.queue, { connection })
  const events = new QueueEvents(identity.queue, { connection })
  const tell = outageTeller(terminal)
  queue.on('error', tell)
  events.on('error', tell)
  const progress = startProgress(terminal, 'ran', jobs.size)
  let left: number
  try {
    if (jobs.size > 0) await noteWorkers(queue, identity.model, jobs.size, shownUrl(url), terminal)
    left = await settleFiles({
      queue,
      events,
      jobs,
      again: options.again === true,
      signal,
      onSettled: async (id, settled) => {
        const { name, input } = jobs.get(id)!
        if (settled.status === 'done') {
          // One process writes the list: files on network storage do not append safely.
          await doneList.add(input, settled.done.files)
          outcomes.push({ file: name, status: 'done', ...settled.done })
        } else outcomes.push({ file: name, status: 'failed', error: failureOf(settled.reason) })
        progress.advance(name)
      },
    })
  } finally {
    progress.stop()
    await Promise.all([events.close(), queue.close()])
  }
  const order = new Map(inputs.map(({ name }, index) => [name, index]))
  outcomes.sort((a, b) => (order.get(a.file) ?? -1) - (order.get(b.file) ?? -1))
  const { queue: key, model } = identity
  const summary = { queue: key, model, out: options.out!, left, milliseconds: performance.now() - start }
  printFileOutcomes(outcomes, summary, { json: options.json === true, terminal })
  if (left > 0) return EXIT_CODES.INTERRUPTED
  return outcomes.some(({ status }) => status === 'failed') ? EXIT_CODES.CHECK_FAILED : EXIT_CODES.DONE
}

/** Nobody should wait without knowing that nobody works. */
async function noteWorkers(
  queue: Queue<FileJob, FileDone>,
  model: string,
  files: number,
  url: string,
  terminal: Terminal,
): Promise<void> {
  const workers = await queue.getWorkersCount()
  const waits = `${count(files, 'file')} for ${model} at ${url}, ${count(workers, 'worker')}`
  if (workers > 0) terminal.note(waits)
  else terminal.note(`${waits}: nothing is run until one is started: tensorferry run BUNDLE --queue ${url} --worker`)
}
