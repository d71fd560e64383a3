// What makes libtorch look slow: each cause switched on alone, in a plain C++ program, in Node and in Python.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { prepare } from '../libtorch/prepare.mjs'
import { machineFacts } from '../machine.mjs'
import { percentile, ratio } from '../measure.mjs'
import { buildPrograms } from './build.mjs'
import { causes, FIRST_CALLS, firstCalls, LANGUAGES, MODELS } from './measure.mjs'

const NAMES = { mlp: 'MLP 10-10', resnet18: 'ResNet-18' }
const CAUSES = {
  none: 'nothing wrong',
  gradients: 'gradients left on',
  debug: 'the program compiled as Debug',
  pool: '`forward` from a pool of 4 threads, one call at a time',
  oversubscribed: '4 calls at once, each with all cores',
}
const time = (ms) => (ms < 1 ? `${(1000 * ms).toPrecision(3)} µs` : `${ms.toPrecision(3)} ms`)
const rowOf = (cells) => `| ${cells.join(' | ')} |`
const table = (head, rows) => [rowOf(head), rowOf(head.map(() => '---')), ...rows.map(rowOf)]

function firstTable(found) {
  const head = ['', ...Array.from({ length: FIRST_CALLS }, (_, index) => `call ${index + 1}`)]
  return table(
    head,
    LANGUAGES.map((language) => [language, ...found[language].map(time)]),
  )
}

/** Each cause beside the same language without it, and that beside Python. */
function causeTable({ samples, minima }) {
  const cell = (language, cause) => {
    const label = `${language} ${cause}`
    if (!samples[label]) return ''
    const base = cause === 'none' ? 'Python none' : `${language} none`
    const { value, spread } = ratio(samples, label, base)
    const text = `${time(percentile(samples[label], 0.5))} (min ${time(minima[label])})`
    if (label === base) return text
    const shown = `**${value.toFixed(2)}** [${spread.map((one) => one.toFixed(2)).join(' to ')}]`
    return `${text}: ${shown}`
  }
  return table(
    ['', ...LANGUAGES],
    Object.entries(CAUSES).map(([cause, what]) => [what, ...LANGUAGES.map((language) => cell(language, cause))]),
  )
}

export async function run() {
  const paths = await prepare('why-cpp', [])
  const programs = buildPrograms(paths)
  const threads = availableParallelism()
  const load = loadavg()[0]
  const facts = {
    ...machineFacts([]),
    libtorch: paths.libtorch.version,
    threads,
    'load before': Number(load.toFixed(2)),
  }
  const results = {}
  const lines = []
  for (const name of MODELS) {
    const first = await firstCalls(paths, programs, name, threads)
    const found = await causes(paths, programs, name, threads)
    results[name] = { first, ...found }
    lines.push(`## ${NAMES[name]}`, '', 'The first calls of a process:', '', ...firstTable(first), '')
    lines.push('Time of a run once it has settled:', '', ...causeTable(found), '')
    console.log(lines.slice(-20).join('\n'))
  }
  const text = [
    '# why-cpp',
    '',
    `Written by \`pnpm bench why-cpp\` on: ${Object.entries(facts)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}.`,
    '',
    'Medians (and minima) over processes that take turns; bold is the ratio to the same language with nothing wrong, in the first row the ' +
      'ratio to Python, with the middle 80 % of single turns. TorchScript, the same file and the same libtorch everywhere. Four calls at ' +
      'once: the time of all four divided by four.',
    ...(load > 0.5
      ? ['', 'Other work was running on this machine (see the load): minima say more than medians here.']
      : []),
    '',
    ...lines,
  ].join('\n')
  const folder = new URL('../results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL('why-cpp.json', folder), `${JSON.stringify({ machine: facts, results }, null, 2)}\n`)
  writeFileSync(new URL('why-cpp.md', folder), text)
  console.log('written to benchmarks/results/why-cpp.md')
}
