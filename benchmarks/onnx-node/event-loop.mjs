import { availableParallelism } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { percentile, timed } from '../measure.mjs'
import { input, ort, ourSession, rawSession } from './sides.mjs'

const ROWS = 640
const TARGET_MS = 150
const RUNS = 15
const LOADS = 6

/** 99th percentile, in milliseconds, of how late the event loop comes to its timers while the work is on. */
async function delayWhile(work) {
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await work()
  histogram.disable()
  // The histogram counts the timer's own period of one millisecond.
  return histogram.percentile(99) / 1e6 - 1
}

/** `repeats` that make a run of the raw session take about 150 ms on this machine. */
async function calibrate(raw, x) {
  const probe = 8
  const run = () => raw.run({ x, repeats: new ort.Tensor('int64', [BigInt(probe)], []) })
  await run()
  const samples = []
  for (let i = 0; i < 5; i++) samples.push(await timed(run))
  return Math.max(1, Math.round((TARGET_MS * probe) / percentile(samples, 0.5)))
}

/** While a model of 150 ms runs again and again. */
export async function delayOfRuns() {
  const raw = await rawSession('slow', availableParallelism())
  const ours = await ourSession('slow', {})
  const x = input([ROWS, 640])
  const repeats = await calibrate(raw, x.raw)
  const feeds = {
    ours: { x: x.ours, repeats: { dtype: 'int64', shape: [], data: new BigInt64Array([BigInt(repeats)]) } },
    raw: { x: x.raw, repeats: new ort.Tensor('int64', [BigInt(repeats)], []) },
  }
  const loop = (run) => async () => {
    for (let i = 0; i < RUNS; i++) await run()
  }
  await ours.run(feeds.ours)
  const result = { ours: [], raw: [] }
  for (let round = 0; round < 4; round++) {
    result.ours.push(await delayWhile(loop(() => ours.run(feeds.ours))))
    result.raw.push(await delayWhile(loop(() => raw.run(feeds.raw))))
  }
  await Promise.all([ours.dispose(), raw.release()])
  return summary(result)
}

/** While a model is created that ONNX Runtime takes hundreds of milliseconds to optimize. */
export async function delayOfLoads() {
  const loop = (create) => async () => {
    for (let i = 0; i < LOADS; i++) await create()
  }
  const create = {
    ours: async () => (await ourSession('slow-to-load', {})).dispose(),
    raw: async () => (await rawSession('slow-to-load', availableParallelism())).release(),
  }
  await create.ours()
  const result = { ours: [], raw: [] }
  for (let round = 0; round < 3; round++) {
    result.ours.push(await delayWhile(loop(create.ours)))
    result.raw.push(await delayWhile(loop(create.raw)))
  }
  return summary(result)
}

function summary({ ours, raw }) {
  return {
    value: percentile(ours, 0.5),
    spread: [percentile(ours, 0), percentile(ours, 1)],
    raw: percentile(raw, 0.5),
    rounds: ours.length,
  }
}
