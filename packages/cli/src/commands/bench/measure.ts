import { setTimeout as pause } from 'node:timers/promises'
import type { Model, Tensors } from '@tensorferry/core'

/** A combination that is ready to be timed. */
export interface Candidate {
  readonly model: Model
  readonly feed: Tensors
  readonly milliseconds: number[]
}

/** Untimed: the first runs of a shape allocate and choose kernels. */
const WARM_UP = 3
/** Threads of the runtime that ran before spin for a while. */
const SETTLE_MS = 20

/**
 * Times the candidates in turns, so that a disturbance of the machine falls on all of them.
 *
 * @param turnMs - how long each turn lasts; at least one run
 */
export async function measure(
  candidates: readonly Candidate[],
  { rounds, turnMs, signal, onTurn }: { rounds: number; turnMs: number; signal: AbortSignal; onTurn: () => void },
): Promise<void> {
  for (const { model, feed } of candidates) for (let i = 0; i < WARM_UP; i++) await model.run(feed, { signal })
  for (let round = 0; round < rounds; round++) {
    for (const { model, feed, milliseconds } of candidates) {
      await pause(SETTLE_MS, undefined, { signal })
      await model.run(feed, { signal })
      const end = performance.now() + turnMs
      do {
        const start = performance.now()
        await model.run(feed)
        milliseconds.push(performance.now() - start)
        signal.throwIfAborted()
      } while (performance.now() < end)
      onTurn()
    }
  }
}

/** Order statistics of a set of times. */
export interface Timing {
  readonly runs: number
  readonly min: number
  readonly median: number
  readonly p95: number
  readonly max: number
}

/** Summarises times in milliseconds. */
export function summarizeTimes(milliseconds: readonly number[]): Timing {
  const sorted = [...milliseconds].sort((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { runs: sorted.length, min: at(0), median: at(0.5), p95: at(0.95), max: at(1) }
}
