import { availableParallelism, hostname } from 'node:os'
import { join } from 'node:path'
import { formatReport, loadModel, type Model, TensorferryError } from '@tensorferry/core'
import { findBackendConfig, readRegular } from '@tensorferry/core/node'
import { Queue, UnrecoverableError, Worker } from 'bullmq'
import { preferredBackends } from '../../../backends/choose.ts'
import { writeWhole } from '../../../bundle/write-whole.ts'
import type { CommandContext } from '../../../context.ts'
import { EXIT_CODES, type ExitCode } from '../../../exit-codes.ts'
import { toJson } from '../../../terminal/plain.ts'
import { plainError } from '../../../terminal/plain-error.ts'
import { count } from '../../../terminal/quantities.ts'
import { holdsTensors } from '../inputs.ts'
import { readTensors } from '../read-tensors.ts'
import { type Result, resultFiles } from '../results.ts'
import type { RunOptions } from '../run.ts'
import { runTensors } from '../run-tensors.ts'
import { findRedis, outageTeller, shownUrl } from './connect.ts'
import { identifyQueue } from './identify.ts'
import { DEATHS, type FileDone, type FileJob, isUrl, LOCK_MS } from './job.ts'

/** Codes that the next try would give again. */
const LASTING = ['INPUT_INVALID', 'FORMAT_UNSUPPORTED', 'VERIFICATION_FAILED', 'DEPENDENCY_MISSING']

/** States of files that are not done. */
const UNFINISHED = ['waiting', 'active', 'delayed', 'prioritized'] as const

/** Milliseconds between two looks at an empty queue, for `--until-empty`. */
const LOOK_MS = 500

/** Takes files from the queue until it is stopped, or until the queue is empty. */
export async function work(
  source: string,
  url: string,
  options: RunOptions,
  { terminal, signal }: CommandContext,
): Promise<ExitCode> {
  const { queue, model: shown } = await identifyQueue(source)
  const connection = await findRedis(url)
  const model = await loadModel(source, {
    backend: await preferredBackends(options),
    artifact: options.artifact,
    verify: options.verify ?? (await findBackendConfig())?.verify,
    signal,
  })
  const counts = { done: 0, failed: 0 }
  // Redis allows no space in it.
  const name = `${hostname()}:${process.pid}`
  const worker = new Worker<FileJob, FileDone>(
    queue,
    async ({ data, attemptsMade, opts }) => {
      try {
        const done = await runFile(model, data, signal)
        counts.done++
        return { ...done, worker: name }
      } catch (error) {
        const isLasting = TensorferryError.is(error) && LASTING.includes(error.code)
        if (isLasting || attemptsMade + 1 >= (opts.attempts ?? 1)) {
          counts.failed++
          terminal.note(`${terminal.noteColors.red('failed:')} ${data.name}: ${(error as Error).message}`)
        }
        const told = toJson(plainError(error))
        throw isLasting ? new UnrecoverableError(told) : new TensorferryError('RUNTIME_FAILED', told, { cause: error })
      }
    },
    {
      connection,
      name,
      concurrency: options.jobs ?? Math.min(4, availableParallelism() + 1),
      lockDuration: LOCK_MS,
      stalledInterval: LOCK_MS / 2,
      maxStalledCount: DEATHS,
    },
  )
  const left = new Queue(queue, { connection })
  const tell = outageTeller(terminal)
  worker.on('error', tell)
  left.on('error', tell)
  try {
    if (options.verbose) terminal.note(formatReport(model.report))
    terminal.note(`${shown} on ${model.report.backend}: takes files from ${shownUrl(url)}; Ctrl-C ends it`)
    await untilStopped(signal, options.untilEmpty ? () => left.getJobCountByTypes(...UNFINISHED) : null)
  } finally {
    // Files in work are finished.
    await worker.close()
    await left.close()
    await model.dispose()
  }
  if (options.json) terminal.print(toJson({ model: shown, worker: name, ...counts }))
  else terminal.note(`${count(counts.done, 'file')} done${counts.failed > 0 ? `, ${counts.failed} failed` : ''}`)
  return EXIT_CODES.DONE
}

/** @param left - how much is in the queue; null: it is waited for whatever comes */
function untilStopped(signal: AbortSignal, left: (() => Promise<number>) | null): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  let looks: NodeJS.Timeout | undefined
  return new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
    if (left === null) return
    looks = setInterval(() => {
      left().then((files) => {
        if (files === 0) resolve()
      }, reject)
    }, LOOK_MS)
  }).finally(() => clearInterval(looks))
}

async function readInput(input: string, signal: AbortSignal): Promise<Uint8Array> {
  if (!isUrl(input)) {
    try {
      return new Uint8Array(await readRegular(input))
    } catch (cause) {
      throw new TensorferryError(
        'NOT_FOUND',
        `${input}: ${(cause as Error).message}; workers need the files under the same path`,
        { cause },
      )
    }
  }
  try {
    const response = await fetch(input, { signal })
    if (!response.ok) throw new TensorferryError('DOWNLOAD_FAILED', `${input}: the server answered ${response.status}`)
    return new Uint8Array(await response.arrayBuffer())
  } catch (cause) {
    if (TensorferryError.is(cause)) throw cause
    const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message
    throw new TensorferryError('DOWNLOAD_FAILED', `${input}: ${reason}`, { cause })
  }
}

async function runFile(
  model: Model,
  { input, folder, stem }: FileJob,
  signal: AbortSignal,
): Promise<Omit<FileDone, 'worker'>> {
  const begin = performance.now()
  const bytes = await readInput(input, signal)
  // What is in work when the worker is stopped is finished: no signal here.
  const result = (
    holdsTensors(input) ? await runTensors(model, readTensors(bytes, input, model.inputs)) : await model.predict(bytes)
  ) as Result
  const files: Record<string, number> = {}
  for (const { suffix, content } of await resultFiles(result)) {
    // Renamed into place: a worker that dies leaves nothing half, and a file that is done twice is there once.
    await writeWhole(join(folder, stem + suffix), content)
    files[stem + suffix] = typeof content === 'string' ? Buffer.byteLength(content) : content.length
  }
  return { files, milliseconds: performance.now() - begin }
}
