// A process of its own: node --expose-gc memory.mjs <cycles|runs>. Prints megabytes of resident memory that were added.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { IMAGE, input, ourSession } from './sides.mjs'

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
  /** Load, one run, dispose; what is there after the first 20 is taken for granted. */
  async cycles() {
    const image = input(IMAGE).ours
    const cycle = async () => {
      const session = await ourSession('conv-224', {})
      await session.run({ image })
      await session.dispose()
    }
    for (let i = 0; i < 20; i++) await cycle()
    const before = await residentMB()
    for (let i = 0; i < CYCLES; i++) await cycle()
    return (await residentMB()) - before
  },
  /** Images of 600 kB in and out; what is there after the first 1,000 runs is taken for granted. */
  async runs() {
    const image = input(IMAGE).ours
    const session = await ourSession('identity-224', {})
    for (let i = 0; i < 1000; i++) await session.run({ image })
    const before = await residentMB()
    for (let i = 0; i < RUNS; i++) await session.run({ image })
    const added = (await residentMB()) - before
    await session.dispose()
    return added
  },
}

/** Runs one of the two in a fresh process. */
export function measureGrowth(kind) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [kind], { execArgv: ['--expose-gc'] })
    child.once('message', resolve)
    child.once('exit', (code) => code === 0 || reject(new Error(`memory.mjs ${kind} ended with ${code}`)))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.send(await WORK[process.argv[2]]())
