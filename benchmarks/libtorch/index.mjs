// libtorch in Node beside PyTorch in Python: the same files, the same libtorch, the same threads, processes in turns.
import { loadavg } from 'node:os'
import { machineFacts } from '../machine.mjs'
import { writeReport } from '../report.mjs'
import { buildTime } from './build-time.mjs'
import { measureGrowth } from './memory.mjs'
import { prepare } from './prepare.mjs'
import { readsAot } from './session.mjs'
import { asyncCost, best, MODELS, measureModel, THREADS, throughput, torchscript } from './speed.mjs'

const NAMES = { mlp: 'MLP 10-10', espcn: 'ESPCN 224', resnet18: 'ResNet-18', minilm: 'encoder of MiniLM’s size' }
const time = (ms) => (ms < 1 ? `${(1000 * ms).toFixed(2)} µs` : `${ms.toFixed(2)} ms`)

/** `Node 4.1 µs (min 4.0), Python 9.8 µs (min 9.7); of the minima 0.41` */
function beside({ medians, minima }) {
  const [tested, base] = Object.keys(medians)
  const parts = Object.entries(medians).map(([label, value]) => `${label} ${time(value)} (min ${time(minima[label])})`)
  return `${parts.join(', ')}; of the minima ${(minima[tested] / minima[base]).toFixed(2)}`
}

function figure(what, limit, reached, result, { digits = 3, unit, note } = {}) {
  const found = { what, limit, ok: reached(result.value), digits, unit, ...result, note: note ?? beside(result) }
  const spread = found.spread ? ` [${found.spread.map((value) => value.toFixed(digits)).join(' to ')}]` : ''
  console.log(`${found.ok ? 'ok ' : 'NO '} ${what}: ${found.value.toFixed(digits)}${spread} (${limit}) ${found.note}`)
  return found
}

const atMost = (limit) => (value) => value <= limit
const threadsOf = (threads) => `${threads} thread${threads > 1 ? 's' : ''}`

async function speedFigures(paths) {
  const figures = []
  for (const name of MODELS) {
    for (const threads of THREADS) {
      const measured = await measureModel(paths, name, threads)
      for (const how of ['sync', 'async']) {
        // What an awaited call costs is a row of its own; of microseconds it would be all there is.
        const limit = name !== 'mlp' ? 1.03 : how === 'sync' ? 0.85 : null
        const what = `TorchScript, Node ${how} / Python: ${NAMES[name]}, ${threadsOf(threads)}`
        const reached = limit === null ? () => true : atMost(limit)
        figures.push(figure(what, limit === null ? 'reported' : `<= ${limit}`, reached, torchscript(measured, how)))
      }
      const limit = name === 'mlp' ? 0.5 : 1.03
      const what = `best in Node / best in Python: ${NAMES[name]}, ${threadsOf(threads)}`
      figures.push(figure(what, `<= ${limit}`, atMost(limit), best(measured)))
      if (name !== 'mlp') continue
      for (const way of ['Node TorchScript', ...(readsAot ? ['Node AOTInductor'] : [])]) {
        const cost = asyncCost(measured, way)
        const note = Object.entries(cost.medians).map(([label, value]) => `${label} ${time(value)}`)
        const label = `${way.slice('Node '.length)}, async - sync: ${NAMES[name]}, ${threadsOf(threads)}`
        figures.push(figure(label, '<= 25 µs', atMost(25), cost, { digits: 1, unit: 'µs', note: note.join(', ') }))
      }
    }
  }
  return figures
}

async function throughputFigures(paths) {
  const figures = []
  for (const name of MODELS) {
    const result = await throughput(paths, name)
    const note = Object.entries(result.medians).map(([label, value]) => `${label} ${value.toFixed(1)} runs/s`)
    const reported = name === 'mlp'
    const reached = reported ? () => true : (value) => value >= 0.97
    const what = `throughput of 8 callers, Node / 8 Python threads: ${NAMES[name]}`
    figures.push(figure(what, reported ? 'reported' : '>= 0.97', reached, result, { note: note.join(', ') }))
  }
  return figures
}

async function memoryFigures(paths) {
  const figures = []
  const rows = [
    ['cycles', 'resnet18', '200 cycles of load, run, dispose, ResNet-18'],
    ['runs', 'plus-one', '20,000 runs, 600 kB in and out'],
  ]
  for (const [kind, name, what] of rows) {
    const { value, perThousand, readings } = await measureGrowth(kind, paths, name, 'torchscript')
    const each = kind === 'cycles' ? 'cycles' : 'runs'
    const note = `${perThousand.toFixed(1)} MB per 1,000 ${each}; resident ${readings.map((one) => one.toFixed(0)).join(', ')} MB`
    const facts = { digits: 1, unit: 'MB', note }
    figures.push(figure(`resident memory added by ${what}`, '<= 20 MB', atMost(20), { value }, facts))
  }
  return figures
}

function buildFigure(paths) {
  const result = buildTime(paths)
  const facts = { digits: 1, unit: 's', note: `${result.wall.toFixed(1)} s on the clock` }
  return figure('building the TorchScript addon, CPU time', '<= 40 s', atMost(40), result, facts)
}

function notesOf(load) {
  return [
    'Each way runs in a process of its own, on the same libtorch and the same files, one after the other in turns with pauses; a turn’s ' +
      'figure is its median, a ratio is that of the medians over all turns, the spread that of single turns.',
    '“Reached” looks at the ratio of the medians alone. Where the spread goes over the limit on one side and under it on the other, this run ' +
      'shows neither that it holds nor that it does not.',
    'Python runs under `torch.inference_mode()`, with its tensors made beforehand; Node takes and gives typed arrays, copies included.',
    'AOTInductor: frozen, compiled for the number of threads of its row, the same `.pt2` in Python and in Node.',
    'The best way is the one with the lowest median: of three in Python (eager, TorchScript, AOTInductor), of six in Node (TorchScript, ' +
      'TorchScript optimized, AOTInductor, each sync and async). On a noisy machine that favours the side with more of them.',
    'Throughput: one thread a run on both sides; Node with as many replicas as cores.',
    ...(load > 0.5
      ? [
          'Other work was running on this machine (see the load): minima say more than medians here, and spreads are wide.',
        ]
      : []),
  ]
}

export async function run() {
  const paths = await prepare('libtorch', THREADS)
  const load = loadavg()[0]
  const figures = [
    ...(await speedFigures(paths)),
    ...(await throughputFigures(paths)),
    ...(await memoryFigures(paths)),
    buildFigure(paths),
  ]
  const path = writeReport('libtorch', {
    command: 'pnpm bench libtorch',
    machine: { ...machineFacts([]), libtorch: paths.libtorch.version, 'load before': Number(load.toFixed(2)) },
    notes: notesOf(load),
    figures,
  })
  console.log(`written to ${path.replace(`${process.cwd()}/`, '')}`)
}
