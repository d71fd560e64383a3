// A process of its own: node --expose-gc memory.mjs JSON. Prints megabytes of resident memory that were added.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { modelFacts, openSession } from './session.mjs'

const CYCLES = 200
const RUNS = 20_000

/** Garbage is collected first, so that only what is kept counts. */
async function residentMB() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return process.memoryUsage.rss() / 1e6
}

const WORK = {
  /** Load, warm up, one run, dispose; what is there after the first 20 is taken for granted. */
  async cycles(asked) {
    const { inputs } = modelFacts(asked.folder, asked.name)
    const cycle = async () => {
      const session = await openSession(asked)
      await session.run(inputs)
      await session.dispose()
    }
    for (let i = 0; i < 20; i++) await cycle()
    const before = await residentMB()
    for (let i = 0; i < CYCLES; i++) await cycle()
    return (await residentMB()) - before
  },
  /** What is there after the first 1,000 runs is taken for granted. */
  async runs(asked) {
    const { inputs } = modelFacts(asked.folder, asked.name)
    const session = await openSession(asked)
    for (let i = 0; i < 1000; i++) await session.run(inputs)
    const before = await residentMB()
    for (let i = 0; i < RUNS; i++) await session.run(inputs)
    const added = (await residentMB()) - before
    await session.dispose()
    return added
  },
}

/** Runs one of the two in a fresh process. */
export function measureGrowth(kind, { folder }, name, format) {
  return new Promise((resolve, reject) => {
    const asked = { kind, folder, name, format, threads: 1 }
    const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(asked)], { execArgv: ['--expose-gc'] })
    child.once('message', resolve)
    child.once('exit', (code) => code === 0 || reject(new Error(`memory.mjs ${kind} ended with ${code}`)))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = JSON.parse(process.argv[2])
  process.send(await WORK[asked.kind](asked))
}
