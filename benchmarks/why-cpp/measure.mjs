import { fileURLToPath } from 'node:url'
import { modelFacts } from '../libtorch/session.mjs'
import { alternate, percentile } from '../measure.mjs'
import { Side } from '../side.mjs'
import { LANGUAGES } from './tables.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const PAUSE_MS = 60
/** How many runs make a sample, how many samples a turn, how many turns. */
const PLANS = { mlp: { each: 200, calls: 5, rounds: 21 }, resnet18: { each: 1, calls: 3, rounds: 31 } }
/** Runs in a sample of four callers at once. */
const EACH_OF_FOUR = { mlp: 200, resnet18: 1 }
export const MODELS = Object.keys(PLANS)
const FIRST_CALLS = 4
const FIRST_PROCESSES = 5

const median = (samples) => percentile(samples, 0.5)

/** What each language can be made to do. */
const CAUSES = {
  Python: { none: 'none', gradients: 'gradients', worker: 'worker', pool: 'pool', oversubscribed: 'oversubscribed' },
  'C++': {
    none: 'none',
    gradients: 'gradients',
    debug: 'none',
    worker: 'worker',
    pool: 'pool',
    oversubscribed: 'oversubscribed',
  },
  Node: { none: 'none', pool: 'pool', oversubscribed: 'oversubscribed' },
}

function start(paths, programs, language, name, threads, cause) {
  const { shape } = modelFacts(paths.folder, name).inputs.x
  const args = [`${paths.folder}/${name}.pt`, String(threads), CAUSES[language][cause], ...shape.map(String)]
  if (language === 'Python') return Side.start(paths.python, [here('python_side.py'), ...args])
  if (language === 'C++') return Side.start(cause === 'debug' ? programs.debug : programs.release, args)
  const asked = JSON.stringify({ folder: paths.folder, name, threads, cause })
  return Side.start(process.execPath, [here('node-side.mjs'), asked])
}

/**
 * Milliseconds of the first calls, and of the calls when it has settled: medians over fresh processes.
 *
 * @returns by language the first calls in order
 */
export async function firstCalls(paths, programs, name, threads) {
  const found = Object.fromEntries(LANGUAGES.map((language) => [language, []]))
  for (let i = 0; i < FIRST_PROCESSES; i++) {
    for (const language of LANGUAGES) {
      const side = await start(paths, programs, language, name, threads, 'none')
      await side.end()
      found[language].push(side.facts.first)
    }
  }
  const place = (runs, index) => median(runs.map((run) => run[index]))
  return Object.fromEntries(
    LANGUAGES.map((language) => [
      language,
      Array.from({ length: FIRST_CALLS }, (_, index) => place(found[language], index)),
    ]),
  )
}

/**
 * Every language with every cause, each in a process of its own, in turns.
 *
 * @returns by `LANGUAGE CAUSE` the median of each turn in milliseconds a run, and the smallest sample; by cause how often a run in C++ gave up
 *   its core
 */
export async function causes(paths, programs, name, threads) {
  const { each, calls, rounds } = PLANS[name]
  const sides = {}
  for (const language of LANGUAGES) {
    for (const cause of Object.keys(CAUSES[language])) {
      sides[`${language} ${cause}`] = await start(paths, programs, language, name, threads, cause)
    }
  }
  const minima = {}
  const turns = Object.fromEntries(
    Object.entries(sides).map(([label, side]) => [
      label,
      async () => {
        const count = label.endsWith('oversubscribed') ? EACH_OF_FOUR[name] : each
        const samples = await side.ask({ calls, each: count })
        minima[label] = Math.min(minima[label] ?? Number.POSITIVE_INFINITY, ...samples)
        return median(samples)
      },
    ]),
  )
  const samples = await alternate(turns, { rounds, warmUp: 2, pauseMs: PAUSE_MS })
  const switches = {}
  for (const cause of Object.keys(CAUSES['C++'])) {
    switches[cause] = (await sides[`C++ ${cause}`].ask({ calls: 0, each: 0 }))[0]
  }
  await Promise.all(Object.values(sides).map((side) => side.end()))
  return { samples, minima, switches }
}
