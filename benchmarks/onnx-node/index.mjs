// The backend beside what a user would write by hand: onnxruntime-node on the caller's thread, in the same process, turn by turn.
import { machineFacts } from '../machine.mjs'
import { writeReport } from '../report.mjs'
import { delayOfLoads, delayOfRuns } from './event-loop.mjs'
import { measureGrowth } from './memory.mjs'
import { endUnderLoad } from './process-end.mjs'
import { inlineRun, runTime, throughput, workerOverhead } from './speed.mjs'

const beside = ({ medians }, digits, unit) =>
  Object.entries(medians)
    .map(([name, value]) => `${name} ${value.toFixed(digits)} ${unit}`)
    .join(', ')

const FIGURES = [
  {
    what: 'run time against raw, 1x3x224x224 at a ResNet-18’s cost, 1 thread (ratio)',
    limit: '<= 1.03',
    reached: (value) => value <= 1.03,
    digits: 3,
    measure: async () => {
      const result = await runTime()
      return { ...result, note: beside(result, 2, 'ms') }
    },
  },
  {
    what: '`inline` against raw, a 10-10 MLP (ratio)',
    limit: '<= 1.15',
    reached: (value) => value <= 1.15,
    digits: 3,
    measure: async () => {
      const result = await inlineRun()
      return { ...result, note: beside(result, 4, 'ms') }
    },
  },
  {
    what: 'what the worker adds to a run with a 1x3x224x224 input',
    limit: '<= 0.25 ms',
    reached: (value) => value <= 0.25,
    unit: 'ms',
    digits: 3,
    measure: async () => {
      const result = await workerOverhead()
      return { ...result, note: beside(result, 3, 'ms') }
    },
  },
  {
    what: 'event-loop delay, p99, while a model of 150 ms runs',
    limit: '<= 15 ms',
    reached: (value) => value <= 15,
    unit: 'ms',
    digits: 1,
    measure: async () => {
      const result = await delayOfRuns()
      return { ...result, note: `raw ${result.raw.toFixed(0)} ms` }
    },
  },
  {
    what: 'event-loop delay, p99, while a model is created',
    limit: '<= 15 ms',
    reached: (value) => value <= 15,
    unit: 'ms',
    digits: 1,
    measure: async () => {
      const result = await delayOfLoads()
      return { ...result, note: `raw ${result.raw.toFixed(0)} ms` }
    },
  },
  {
    what: 'throughput of 8 callers, the same model, default options, against raw on all cores (ratio)',
    limit: '>= 0.97',
    reached: (value) => value >= 0.97,
    digits: 3,
    measure: async () => {
      const result = await throughput()
      return { ...result, note: beside(result, 1, 'runs/s') }
    },
  },
  {
    what: 'resident memory added by 200 cycles of load, run, dispose',
    limit: '<= 15 MB',
    reached: (value) => value <= 15,
    unit: 'MB',
    digits: 1,
    measure: async () => ({ value: await measureGrowth('cycles') }),
  },
  {
    what: 'resident memory added by 20,000 runs, 600 kB in and out',
    limit: '<= 15 MB',
    reached: (value) => value <= 15,
    unit: 'MB',
    digits: 1,
    measure: async () => ({ value: await measureGrowth('runs') }),
  },
  {
    what: 'processes ended under load 50 times: aborts',
    limit: '0',
    reached: (value) => value === 0,
    digits: 0,
    measure: async () => {
      const result = await endUnderLoad()
      return { ...result, note: result.bad.map(({ how, delay }) => `${how} at ${delay} ms`).join(', ') }
    },
  },
]

export async function run() {
  const figures = []
  for (const { what, limit, reached, measure, digits, unit } of FIGURES) {
    const result = await measure()
    const figure = { what, limit, ok: reached(result.value), digits, unit, ...result }
    figures.push(figure)
    console.log(`${figure.ok ? 'ok ' : 'NO '} ${what}: ${figure.value.toFixed(digits)} (${limit}) ${figure.note ?? ''}`)
  }
  const path = writeReport('onnx-node', {
    command: 'pnpm bench onnx-node',
    machine: machineFacts(['onnxruntime-node']),
    notes: [
      'Both sides in one process, in turns; a ratio is that of the medians, the spread that of the single rounds.',
      'Raw is `InferenceSession.run` of onnxruntime-node on the caller’s thread, with its tensors made beforehand.',
    ],
    figures,
  })
  console.log(`written to ${path.replace(`${process.cwd()}/`, '')}`)
}
