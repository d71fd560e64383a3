import { availableParallelism } from 'node:os'
import { alternate, difference, ratio, timed } from '../measure.mjs'
import { IMAGE, input, ourSession, rawSession } from './sides.mjs'

/** A model with a ResNet-18's number of multiplications, on one thread. */
export async function runTime() {
  const raw = await rawSession('conv-224', 1)
  const ours = await ourSession('conv-224', { threads: 1 })
  const image = input(IMAGE)
  const samples = await alternate(
    {
      ours: () => timed(() => ours.run({ image: image.ours })),
      raw: () => timed(() => raw.run({ image: image.raw })),
    },
    { rounds: 200 },
  )
  await Promise.all([ours.dispose(), raw.release()])
  return ratio(samples, 'ours', 'raw')
}

/** A model of microseconds, on the caller's thread, 500 runs a sample. */
export async function inlineRun() {
  const raw = await rawSession('mlp-10-10', 1)
  const ours = await ourSession('mlp-10-10', { execution: 'inline' })
  const x = input([1, 10])
  const repeat = async (run) => {
    const milliseconds = await timed(async () => {
      for (let i = 0; i < 500; i++) await run()
    })
    return milliseconds / 500
  }
  const samples = await alternate(
    {
      ours: () => repeat(() => ours.run({ x: x.ours })),
      raw: () => repeat(() => raw.run({ x: x.raw })),
    },
    { rounds: 400, warmUp: 20 },
  )
  await Promise.all([ours.dispose(), raw.release()])
  return ratio(samples, 'ours', 'raw')
}

/** What the way to the worker and back adds, with an image of 600 kB that a cheap model reads. */
export async function workerOverhead() {
  const raw = await rawSession('mean-224', 1)
  const ours = await ourSession('mean-224', { threads: 1 })
  const image = input(IMAGE)
  const samples = await alternate(
    {
      ours: () => timed(() => ours.run({ image: image.ours })),
      raw: () => timed(() => raw.run({ image: image.raw })),
    },
    { rounds: 3000, warmUp: 100 },
  )
  await Promise.all([ours.dispose(), raw.release()])
  return difference(samples, 'ours', 'raw')
}

const CALLERS = 8
const RUNS = 32

/** Runs a second with 8 callers who each wait for their answer. */
export async function throughput() {
  const cores = availableParallelism()
  const raw = await rawSession('conv-224', cores)
  const ours = await ourSession('conv-224', {})
  const image = input(IMAGE)
  const rate = async (run) => {
    let left = RUNS
    const call = async () => {
      while (left-- > 0) await run()
    }
    return RUNS / ((await timed(() => Promise.all(Array.from({ length: CALLERS }, call)))) / 1000)
  }
  const samples = await alternate(
    {
      ours: () => rate(() => ours.run({ image: image.ours })),
      raw: () => rate(() => raw.run({ image: image.raw })),
    },
    { rounds: 40, pauseMs: 20 },
  )
  await Promise.all([ours.dispose(), raw.release()])
  return ratio(samples, 'ours', 'raw')
}
