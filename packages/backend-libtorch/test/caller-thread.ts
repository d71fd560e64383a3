import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Linux: numbers of the process's threads. */
export function processThreads(): Set<string> {
  return new Set(readdirSync('/proc/self/task'))
}

/** Linux: how often the calling thread has gone to sleep of its own accord, as it does to wait for another thread. */
export function timesAsleep(): number {
  const status = readFileSync(`/proc/${readlinkSync('/proc/thread-self')}/status`, 'utf8')
  return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)![1])
}

/** How often the scheduler gave a core to threads of this process, in sum. */
export function timesRun(threads: readonly string[]): number {
  return threads.reduce(
    (sum, id) => sum + Number(readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ')[2]),
    0,
  )
}
