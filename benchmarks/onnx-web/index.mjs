// The backend beside what a user would write by hand: onnxruntime-web/wasm in a worker, in the same page, turn by turn.
import { readFile } from 'node:fs/promises'
import { machineFacts } from '../machine.mjs'
import { writeReport } from '../report.mjs'
import { openBenchmarkPage } from './chromium.mjs'
import { downloadSizes } from './download-size.mjs'
import { tableModel } from './table-model.mjs'

const file = (path) => readFile(new URL(`../../${path}`, import.meta.url))
const beside = ({ medians }) =>
  Object.entries(medians)
    .map(([name, value]) => `${name} ${value.toFixed(1)} ms`)
    .join(', ')
const ESPCN = '/espcn.onnx'

const FIGURES = [
  {
    what: 'first load of the wasm default, script and WebAssembly, gzipped',
    limit: '<= 3.8 MB',
    reached: (value) => value <= 3.8,
    unit: 'MB',
    digits: 2,
    measure: async () => ({ value: (await downloadSizes()).total / 1e6 }),
  },
  {
    what: 'of it the SDK’s own script: core, this backend, and their part of the worker',
    limit: '<= 30 kB',
    reached: (value) => value <= 30,
    unit: 'kB',
    digits: 1,
    measure: async () => {
      const { own, ownWorker } = await downloadSizes()
      return { value: own / 1000, note: `${(ownWorker / 1000).toFixed(1)} kB of it in the worker` }
    },
  },
  {
    what: 'run time against raw, ESPCN at 224x224, 1 thread (ratio)',
    limit: '<= 1.05',
    reached: (value) => value <= 1.05,
    digits: 3,
    measure: async (page) => {
      const result = await page.evaluate((url) => bench.againstRaw(url, 60), ESPCN)
      return { ...result, note: beside(result) }
    },
  },
  {
    what: 'default threads when isolated against 1 thread, ESPCN at 224x224 (ratio)',
    limit: '<= 0.65',
    reached: (value) => value <= 0.65,
    digits: 3,
    measure: async (page) => {
      const result = await page.evaluate((url) => bench.threads(url, 60), ESPCN)
      return { ...result, note: `${result.threads} threads; ${beside(result)}` }
    },
  },
  {
    what: 'longest gap of the page during load and 50 runs of ESPCN at 320x320',
    limit: '<= 50 ms',
    reached: (value) => value <= 50,
    unit: 'ms',
    digits: 1,
    measure: async (page) => {
      const result = await page.evaluate((url) => bench.gap(url), ESPCN)
      return { ...result, note: `a run took ${result.runMs.toFixed(0)} ms` }
    },
  },
  {
    what: 'memory of the page and its workers after the dispose of a 90 MB model, against before',
    limit: '<= 20 MB',
    reached: (value) => value <= 20,
    unit: 'MB',
    digits: 1,
    measure: async (page) => {
      const result = await page.evaluate(() => bench.heap('/large.onnx'))
      return { ...result, note: `before ${result.before.toFixed(0)} MB, loaded ${result.during.toFixed(0)} MB` }
    },
  },
]

export async function run() {
  const models = new Map([
    [ESPCN, await file('examples/bundles/super-resolution-x3/model.onnx')],
    ['/large.onnx', tableModel(22_500_000)],
    ['/small.onnx', tableModel(10)],
  ])
  const figures = []
  let chromium
  for (const { what, limit, reached, measure, digits, unit } of FIGURES) {
    // A page of its own: what one figure leaves behind is not the next one's.
    const opened = await openBenchmarkPage(models)
    chromium = opened.chromium
    const result = await measure(opened.page)
    await opened.close()
    const figure = { what, limit, ok: reached(result.value), digits, unit, ...result }
    figures.push(figure)
    console.log(`${figure.ok ? 'ok ' : 'NO '} ${what}: ${figure.value.toFixed(digits)} (${limit}) ${figure.note ?? ''}`)
  }
  const path = writeReport('onnx-web', {
    command: 'pnpm bench onnx-web',
    machine: { ...machineFacts(['onnxruntime-web']), chromium },
    notes: [
      'Both sides in one page, in turns; a ratio is that of the medians, the spread that of the single rounds.',
      'Raw is `InferenceSession.run` of `onnxruntime-web/wasm` in a worker of its own, arrays moved there and back.',
      'Memory is `performance.measureUserAgentSpecificMemory`: script and WebAssembly of the page and all its workers.',
      'Own script: without ONNX Runtime’s and without valibot’s; with the browser’s download cache, which loads at the first URL.',
    ],
    figures,
  })
  console.log(`written to ${path.replace(`${process.cwd()}/`, '')}`)
}
