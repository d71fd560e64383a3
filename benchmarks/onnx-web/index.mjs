// The backend beside what a user would write by hand: onnxruntime-web/wasm in a worker, in the same page, turn by turn.
import { readdir, readFile } from 'node:fs/promises'
import { settledMemory } from '../../packages/backend-onnx-web/test/browser/page-memory.mjs'
import { exportEncoders } from '../../packages/backend-onnx-web/test/fixtures/encoders.mjs'
import { ensurePython } from '../../scripts/python.mjs'
import { machineFacts } from '../machine.mjs'
import { writeReport } from '../report.mjs'
import { openBenchmarkPage } from './chromium.mjs'
import { downloadSizes } from './download-size.mjs'

const BUNDLES = new URL('../../examples/bundles/', import.meta.url).pathname
const beside = ({ medians }) =>
  Object.entries(medians)
    .map(([name, value]) => `${name} ${value.toFixed(1)} ms`)
    .join(', ')
const ESPCN = '/models/super-resolution-x3/model.onnx'
const BUNDLE = '/models/super-resolution-x3/'

/** Files of a bundle by the paths that they are served under. */
async function served(folder, name) {
  const names = await readdir(`${folder}/${name}`)
  return Promise.all(
    names.map(async (file) => [`/models/${name}/${file}`, await readFile(`${folder}/${name}/${file}`)]),
  )
}

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
    measure: async ({ page }) => {
      const result = await page.evaluate((url) => bench.againstRaw(url, 60), ESPCN)
      return { ...result, note: beside(result) }
    },
  },
  {
    what: 'default threads when isolated against 1 thread, ESPCN at 224x224 (ratio)',
    limit: '<= 0.65',
    reached: (value) => value <= 0.65,
    digits: 3,
    measure: async ({ page, workers }) => {
      const result = await page.evaluate((url) => bench.threads(url, 60), ESPCN)
      const { isIsolated, threads } = result
      // One worker for one thread, and of the other model its own and one for each further thread.
      if (!isIsolated || threads < 2 || workers.length !== 1 + threads) {
        throw new Error(`isolated: ${isIsolated}, ${threads} threads, but workers ${workers.join(', ')}`)
      }
      return { ...result, note: `${result.threads} threads; ${beside(result)}` }
    },
  },
  {
    what: 'longest gap of the page during load and 50 runs of a 200 ms model, ESPCN',
    limit: '<= 50 ms',
    reached: (value) => value <= 50,
    unit: 'ms',
    digits: 1,
    measure: async ({ page }) => {
      const { value, idle, side, runMs } = await page.evaluate((url) => bench.gap(url), ESPCN)
      return {
        value,
        note: `a run at ${side}x${side} took ${runMs.toFixed(0)} ms; an idle page has ${idle.toFixed(1)} ms`,
      }
    },
  },
  {
    what: 'bytes of model and goldens fetched on the second load and offline, super-resolution by URL',
    limit: '0',
    reached: (value) => value === 0,
    unit: 'B',
    digits: 0,
    measure: async ({ page, sent, unplug }) => {
      const fetched = () =>
        [...sent].reduce(
          (sum, [path, bytes]) => sum + (path.startsWith(BUNDLE) && !path.endsWith('.json') ? bytes : 0),
          0,
        )
      const load = () => page.evaluate((url) => bench.loadStored(url), BUNDLE)
      await load()
      const first = fetched()
      await page.reload()
      await page.waitForFunction(() => 'bench' in globalThis)
      await load()
      unplug()
      const verified = await load()
      return { value: fetched() - first, note: `first ${first} B; offline ${verified} goldens replayed` }
    },
  },
  {
    what: 'memory of browser and page after the dispose of a 90 MB encoder, against before',
    limit: '<= 20 MB',
    reached: (value) => value <= 20,
    unit: 'MB',
    digits: 1,
    measure: async ({ page }) => {
      const load = (name) => page.evaluate((url) => bench.load(url), `/models/${name}/`)
      const dispose = () => page.evaluate(() => bench.dispose())
      // What the first model leaves for good, such as compiled code, is taken for granted.
      await load('encoder-narrow')
      await dispose()
      const before = await settledMemory(page)
      await load('encoder')
      const loaded = await settledMemory(page)
      await dispose()
      const value = (await settledMemory(page)) - before
      return { value, note: `before ${before.toFixed(0)} MB, loaded ${loaded.toFixed(0)} MB` }
    },
  },
]

export async function run() {
  const { folder, missing } = await exportEncoders(await ensurePython())
  if (missing) throw new Error(missing)
  const models = new Map([
    ...(await served(BUNDLES, 'super-resolution-x3')),
    ...(await served(folder, 'encoder-narrow')),
    ...(await served(folder, 'encoder')),
  ])
  const figures = []
  let chromium
  for (const { what, limit, reached, measure, digits, unit } of FIGURES) {
    // A page of its own: what one figure leaves behind is not the next one's.
    const opened = await openBenchmarkPage(models)
    chromium = opened.chromium
    const result = await measure(opened)
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
      'Memory is what the processes of browser, page and workers have resident, once garbage is collected and it changes no more.',
      'Gaps are those between timers of the page, which a browser sets 4 ms apart; those of an idle page show the machine’s own.',
      'Own script: without ONNX Runtime’s and without valibot’s; with the browser’s download cache, which loads at the first URL.',
    ],
    figures,
  })
  console.log(`written to ${path.replace(`${process.cwd()}/`, '')}`)
}
