// What makes libtorch look slow: each cause switched on alone, in a plain C++ program, in Node and in Python.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { prepare } from '../libtorch/prepare.mjs'
import { machineFacts } from '../machine.mjs'
import { buildPrograms } from './build.mjs'
import { causes, firstCalls, MODELS } from './measure.mjs'
import { causeTable, firstTable, guideTables, NAMES, switchTable, withFigures } from './tables.mjs'

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
    lines.push('Time of a run once it has settled:', '', ...causeTable(found), '', ...switchTable(found), '')
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
  const found = { machine: facts, results }
  writeFileSync(new URL('why-cpp.json', folder), `${JSON.stringify(found, null, 2)}\n`)
  writeFileSync(new URL('why-cpp.md', folder), text)
  const guide = new URL('../../docs/guides/why-was-cpp-slower.md', import.meta.url)
  writeFileSync(guide, withFigures(readFileSync(guide, 'utf8'), guideTables(found)))
  console.log('written to benchmarks/results/why-cpp.md and docs/guides/why-was-cpp-slower.md')
}
