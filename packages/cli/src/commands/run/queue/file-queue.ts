import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Job, Queue, QueueEvents } from 'bullmq'
import { ATTEMPTS, type FileDone, type FileJob } from './job.ts'

/** What came of a job. */
type Settled =
  | { readonly status: 'done'; readonly done: FileDone }
  | { readonly status: 'failed'; readonly reason: string }

/** Jobs that are added or asked for in one go. */
const CHUNK = 200
/** Events are missed while a connection is down: this often every job is asked for. */
const LOOK_MS = 5000

async function isWhole({ folder }: FileJob, { files }: FileDone): Promise<boolean> {
  for (const [name, size] of Object.entries(files)) {
    if ((await stat(join(folder, name)).catch(() => null))?.size !== size) return false
  }
  return true
}

/** What {@link settleFiles} works on. */
interface SettleFiles {
  readonly queue: Queue<FileJob, FileDone>
  readonly events: QueueEvents
  /** By id: the same id is the same work, whoever added it. */
  readonly jobs: ReadonlyMap<string, FileJob>
  /** Files that were done before, for someone who is gone, are done anew. */
  readonly again: boolean
  /** Called once for each job; the queue forgets the job afterwards. */
  readonly onSettled: (id: string, settled: Settled) => Promise<void>
  readonly signal: AbortSignal
}

/**
 * Adds jobs and waits until each is done or has failed.
 *
 * Jobs that are in the queue already are waited for; results that nobody fetched are taken; what failed earlier is tried
 * again; what someone removed is added again.
 *
 * @returns how many are left, when the signal fired
 */
export async function settleFiles({ queue, events, jobs, again, onSettled, signal }: SettleFiles): Promise<number> {
  const waiting = new Map(jobs)
  let unsettled = jobs.size
  let finish: () => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const finished = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })

  const settling = new Set<Promise<void>>()
  const settleOne = async (id: string, settled: Settled): Promise<void> => {
    await onSettled(id, settled)
    await queue.remove(id)
    // Several are settled at a time: the last one to be through is the end.
    unsettled--
    if (unsettled === 0) finish()
  }
  const settle = async (id: string, settled: Settled): Promise<void> => {
    if (!waiting.delete(id)) return
    const work = settleOne(id, settled)
    settling.add(work)
    await work.finally(() => settling.delete(work))
  }
  const add = (ids: readonly string[]): Promise<unknown> =>
    queue.addBulk(
      ids.flatMap((id) => {
        const data = waiting.get(id)
        const options = { jobId: id, attempts: ATTEMPTS, backoff: { type: 'exponential', delay: 500 } }
        return data ? { name: 'file', data, opts: options } : []
      }),
    )
  /** Gives those that the queue does not have. */
  const look = async (ids: readonly string[], isFirst: boolean): Promise<readonly string[]> => {
    const found = await Promise.all(ids.map((id) => queue.getJob(id)))
    const missing: string[] = []
    await Promise.all(
      found.map(async (job: Job<FileJob, FileDone> | undefined, index) => {
        const id = ids[index]!
        const state = await job?.getState()
        if (job && state === 'completed' && !(isFirst && again) && (await isWhole(job.data, job.returnvalue))) {
          await settle(id, { status: 'done', done: job.returnvalue })
        } else if (job && state === 'failed' && !isFirst) {
          await settle(id, { status: 'failed', reason: job.failedReason })
        } else if (state === undefined || state === 'unknown') missing.push(id)
        else if (state === 'completed' || state === 'failed') {
          await queue.remove(id)
          missing.push(id)
        }
      }),
    )
    return missing
  }
  const lookAtAll = async (isFirst: boolean): Promise<void> => {
    const ids = [...waiting.keys()]
    for (let start = 0; start < ids.length && !signal.aborted; start += CHUNK) {
      await add(await look(ids.slice(start, start + CHUNK), isFirst))
    }
  }

  const onCompleted = ({ jobId, returnvalue }: { jobId: string; returnvalue: FileDone | string }): void => {
    const done = typeof returnvalue === 'string' ? (JSON.parse(returnvalue) as FileDone) : returnvalue
    settle(jobId, { status: 'done', done }).catch(fail)
  }
  const onFailed = ({ jobId, failedReason }: { jobId: string; failedReason: string }): void => {
    settle(jobId, { status: 'failed', reason: failedReason }).catch(fail)
  }
  let looking: Promise<void> = Promise.resolve()
  let looks: NodeJS.Timeout | undefined
  const stop = (): void => finish()
  try {
    await events.waitUntilReady()
    events.on('completed', onCompleted)
    events.on('failed', onFailed)
    signal.addEventListener('abort', stop, { once: true })
    await lookAtAll(true)
    looks = setInterval(() => {
      looking = looking.then(() => lookAtAll(false)).catch(fail)
    }, LOOK_MS)
    if (unsettled > 0 && !signal.aborted) await finished
  } finally {
    clearInterval(looks)
    signal.removeEventListener('abort', stop)
    events.off('completed', onCompleted)
    events.off('failed', onFailed)
    await looking
    await Promise.allSettled(settling)
  }
  return waiting.size
}
