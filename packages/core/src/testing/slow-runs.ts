import type { CallOptions, Session } from '../backend.ts'
import { type Tensors, tensor } from '../tensor.ts'
import { requireEqualTensors } from './compare.ts'
import type { ConformanceContext } from './conformance-case.ts'
import { type Outcome, outcome } from './outcome.ts'

const DEFAULT_SLOW_MS = 120
const TRIAL_ROWS = 128
const MOST_ROWS = 65_536

/** Runs of the slow fixture, with as many rows as this machine needs for the wanted time. */
export interface SlowRuns {
  /** Begins a run whose numbers differ from those of every other `seed`. */
  start(seed: number, options?: CallOptions): Promise<Outcome<Tensors>>
  /** Throws unless these are the outputs of that `seed`. */
  check(outputs: Tensors, seed: number): void
}

function column(rows: number, seed: number, scale: number): Tensors[string] {
  return tensor(
    'float32',
    Float32Array.from({ length: rows }, (_, row) => scale * (seed + (row % 8))),
    [rows, 1],
  )
}

/**
 * Measures a trial run and derives the rows that take `context.slowMs`.
 *
 * @param session - of a fixture with the trait `slow`
 */
export async function slowRuns(session: Session, context: ConformanceContext): Promise<SlowRuns> {
  const trial = () => session.run({ input: column(TRIAL_ROWS, 1, 1) })
  // The first run pays for warming up.
  await trial()
  const begin = performance.now()
  await trial()
  const perRow = (performance.now() - begin) / TRIAL_ROWS
  const rows = Math.ceil(Math.min(MOST_ROWS, Math.max(TRIAL_ROWS, (context.slowMs ?? DEFAULT_SLOW_MS) / perRow)))
  return {
    start: (seed, options) => outcome(() => session.run({ input: column(rows, seed, 1) }, options)),
    check: (outputs, seed) => requireEqualTensors(outputs, { output: column(rows, seed, 2) }, `slow run ${seed}`),
  }
}

/**
 * Slow runs, each time twice as long, six times. A busy machine may give the caller no turn during a short run: whoever
 * is right about a longer one is believed, and a backend that blocks is wrong about all.
 */
export async function* everSlowerRuns(session: Session, context: ConformanceContext): AsyncGenerator<SlowRuns> {
  for (const factor of [1, 2, 4, 8, 16, 32]) {
    yield await slowRuns(session, { ...context, slowMs: factor * (context.slowMs ?? DEFAULT_SLOW_MS) })
  }
}
