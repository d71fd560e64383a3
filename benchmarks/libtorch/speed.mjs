import { availableParallelism } from 'node:os'
import { alternate, difference, percentile, ratio } from '../measure.mjs'
import { readsAot } from './session.mjs'
import { nodeSide, pythonSide } from './sides.mjs'

// Idle threads of OpenMP spin for a while after a run: the next side waits until they sleep.
const PAUSE_MS = 60
/** How many runs make a sample, how many samples a turn, how many turns. */
const PLANS = {
  mlp: { each: 200, calls: 10, rounds: 25 },
  espcn: { each: 1, calls: 3, rounds: 11 },
  resnet18: { each: 1, calls: 5, rounds: 11 },
  minilm: { each: 1, calls: 5, rounds: 11 },
}
const WAYS = {
  'Python eager': (paths, name, threads) => pythonSide(paths, 'eager', name, threads),
  'Python TorchScript': (paths, name, threads) => pythonSide(paths, 'torchscript', name, threads),
  'Python AOTInductor': (paths, name, threads) => pythonSide(paths, 'aot-inductor', name, threads),
  'Node TorchScript': (paths, name, threads) => nodeSide(paths, 'torchscript', name, threads),
  'Node TorchScript optimized': (paths, name, threads) =>
    nodeSide(paths, 'torchscript', name, threads, { optimizeForInference: true }),
  ...(readsAot && {
    'Node AOTInductor': (paths, name, threads) => nodeSide(paths, 'aot-inductor', name, threads),
  }),
}

export const MODELS = Object.keys(PLANS)
export const THREADS = [1, 2].filter((threads) => threads <= availableParallelism())

function requireSameNumbers(sides, name) {
  const sums = Object.entries(sides).map(([way, { facts }]) => [way, facts.sum])
  const [, expected] = sums[0]
  const other = sums.find(([, sum]) => !(Math.abs(sum - expected) <= 1e-3 + 1e-3 * Math.abs(expected)))
  if (other) throw new Error(`${name}: ${other[0]} gives the sum ${other[1]}, ${sums[0][0]} ${expected}`)
}

/**
 * All ways to run one model with one number of threads, in processes of their own, in turns.
 *
 * @returns medians of each turn by way and how (`sync` or `async`), and the smallest sample of all
 */
export async function measureModel(paths, name, threads) {
  const { each, calls, rounds } = PLANS[name]
  const sides = {}
  for (const [way, open] of Object.entries(WAYS)) sides[way] = await open(paths, name, threads)
  requireSameNumbers(sides, name)
  const minima = {}
  const turns = {}
  const take = (label, side, how) => {
    minima[label] = Number.POSITIVE_INFINITY
    turns[label] = async () => {
      const samples = await side.ask({ calls, each, how })
      minima[label] = Math.min(minima[label], ...samples)
      return percentile(samples, 0.5)
    }
  }
  for (const [way, side] of Object.entries(sides)) {
    if (way.startsWith('Python')) take(way, side)
    else for (const how of ['sync', 'async']) take(`${way}, ${how}`, side, how)
  }
  const samples = await alternate(turns, { rounds, warmUp: 2, pauseMs: PAUSE_MS })
  await Promise.all(Object.values(sides).map((side) => side.end()))
  return { name, threads, samples, minima }
}

const medianOf = (samples) => percentile(samples, 0.5)
const fastest = (measured, prefix) =>
  Object.keys(measured.samples)
    .filter((label) => label.startsWith(prefix))
    .reduce((best, label) => (medianOf(measured.samples[label]) < medianOf(measured.samples[best]) ? label : best))

function compare({ samples, minima }, tested, base) {
  const found = ratio(samples, tested, base)
  return { ...found, minima: { [tested]: minima[tested], [base]: minima[base] } }
}

/** Node against Python, the same `.pt` in inference mode. */
export const torchscript = (measured, how) => compare(measured, `Node TorchScript, ${how}`, 'Python TorchScript')

/** The fastest way in Node against the fastest in Python. */
export const best = (measured) => compare(measured, fastest(measured, 'Node'), fastest(measured, 'Python'))

/** Microseconds that a call takes longer when it is awaited. */
export function asyncCost({ samples }, way) {
  const found = difference(samples, `${way}, async`, `${way}, sync`)
  const micro = (value) => value * 1000
  return { ...found, value: micro(found.value), spread: found.spread.map(micro) }
}

const CALLERS = 8
const CALLS = { mlp: 4000, espcn: 16, resnet18: 32, minilm: 48 }

/** Runs a second with eight callers at once, one thread a run on both sides, and in Node as many replicas as cores. */
export async function throughput(paths, name) {
  const python = await pythonSide(paths, 'torchscript', name, 1)
  const node = await nodeSide(paths, 'torchscript', name, 1, { replicas: availableParallelism() })
  const turn = (side) => () => side.ask({ callers: CALLERS, calls: CALLS[name] })
  const samples = await alternate(
    { Node: turn(node), Python: turn(python) },
    { rounds: 7, warmUp: 1, pauseMs: PAUSE_MS },
  )
  await Promise.all([python.end(), node.end()])
  return ratio(samples, 'Node', 'Python')
}
