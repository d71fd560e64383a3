// A process of its own: node --expose-gc memory.mjs JSON. Sends readings of resident memory, in megabytes, along the way.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { modelFacts, openSession } from './session.mjs'

const CYCLES = 200
const RUNS = 20_000
/** Readings on the way, beside the first one. */
const READINGS = 5

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Garbage is collected first, so that only what is kept counts; a session gives freed memory back a second after its last run. */
async function residentMB() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await sleep(50)
  }
  await sleep(1500)
  return process.memoryUsage.rss() / 1e6
}

/** What is there after `warmUp` times is taken for granted: heaps and thread-local memory have their size by then. */
async function readings(warmUp, times, once) {
  for (let i = 0; i < warmUp; i++) await once()
  const found = [await residentMB()]
  for (let reading = 0; reading < READINGS; reading++) {
    for (let i = 0; i < times / READINGS; i++) await once()
    found.push(await residentMB())
  }
  return found
}

const WORK = {
  /** Load, warm up, one run, dispose. */
  async cycles(asked) {
    const { inputs } = modelFacts(asked.folder, asked.name)
    return readings(20, CYCLES, async () => {
      const session = await openSession(asked)
      await session.run(inputs)
      await session.dispose()
    })
  },
  async runs(asked) {
    const { inputs } = modelFacts(asked.folder, asked.name)
    const session = await openSession(asked)
    const found = await readings(1000, RUNS, () => session.run(inputs))
    await session.dispose()
    return found
  },
}

/** Megabytes that each step between readings adds, by least squares. */
function slope(found) {
  const middle = (found.length - 1) / 2
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length
  const [over, under] = found.reduce(
    ([top, bottom], value, index) => [top + (index - middle) * (value - mean), bottom + (index - middle) ** 2],
    [0, 0],
  )
  return over / under
}

/** What was added from the first reading to the last, and, by all of them, in 1,000 times. */
function growthOf(kind, found) {
  const times = (kind === 'cycles' ? CYCLES : RUNS) / READINGS
  return { value: found.at(-1) - found[0], perThousand: (slope(found) / times) * 1000, readings: found }
}

/** Runs one of the two in a fresh process. */
export function measureGrowth(kind, { folder }, name, format) {
  return new Promise((resolve, reject) => {
    const asked = { kind, folder, name, format, threads: 1 }
    const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(asked)], { execArgv: ['--expose-gc'] })
    child.once('message', (found) => resolve(growthOf(kind, found)))
    child.once('exit', (code) => code === 0 || reject(new Error(`memory.mjs ${kind} ended with ${code}`)))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = JSON.parse(process.argv[2])
  process.send(await WORK[asked.kind](asked))
}
