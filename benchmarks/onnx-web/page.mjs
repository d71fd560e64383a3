// Runs in the page: both sides in turns.
import { onnxWeb } from '@tensorferry/backend-onnx-web'
import { loadModel, tensor } from '@tensorferry/core'
import { alternate, ratio, timed } from '../measure.mjs'

function rawModel(url, threads) {
  const worker = new Worker('/raw-worker.js', { type: 'module' })
  const ask = (message, transfer = []) =>
    new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data)
      worker.postMessage(message, transfer)
    })
  return {
    loaded: ask({ url, threads }),
    run(data, shape) {
      // A user's own array stays usable on our side, so it does here.
      const input = data.slice()
      return ask({ input, shape }, [input.buffer])
    },
    end: () => worker.terminate(),
  }
}

const load = (url, options) => loadModel(url, { backend: onnxWeb(options), downloads: 'memory' })

/**
 * Largest time in milliseconds in which the page could do nothing else, while work goes on. Timers tell, which take no
 * core from the work; a browser leaves at least 4 ms between two of them.
 */
async function longestGap(work) {
  let longest = 0
  let last = performance.now()
  let isOver = false
  const tick = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setTimeout(tick)
  }
  setTimeout(tick)
  await work()
  isOver = true
  return longest
}

/** A gray picture of that many pixels a side. */
const picture = ([{ name }], side) => ({
  [name]: tensor('float32', new Float32Array(side * side).fill(0.5), [1, 1, side, side]),
})

const RUN_MS = 200

/** Side of the picture that takes about 200 ms here. */
async function sideOf(url) {
  const model = await load(url, { threads: 1 })
  const inputs = picture(model.inputs, 224)
  await model.run(inputs)
  const took = Math.min(...(await inTurn(5, () => timed(() => model.run(inputs)))))
  await model.dispose()
  return Math.round(224 * Math.sqrt(RUN_MS / took))
}

async function inTurn(times, work) {
  const results = []
  for (let time = 0; time < times; time++) results.push(await work())
  return results
}

let kept

globalThis.bench = {
  /** Ours against raw, one thread each. */
  async againstRaw(url, rounds) {
    const raw = rawModel(url, 1)
    await raw.loaded
    const ours = await load(url, { threads: 1 })
    const shape = [1, 1, 224, 224]
    const data = new Float32Array(224 * 224).fill(0.5)
    const [{ name }] = ours.inputs
    const samples = await alternate(
      {
        ours: () => timed(() => ours.run({ [name]: tensor('float32', data, shape) })),
        raw: () => timed(() => raw.run(data, shape)),
      },
      { rounds },
    )
    raw.end()
    await ours.dispose()
    return ratio(samples, 'ours', 'raw')
  },
  /** The default of threads against one. */
  async threads(url, rounds) {
    const one = await load(url, { threads: 1 })
    const all = await load(url, {})
    const inputs = picture(one.inputs, 224)
    const samples = await alternate(
      { all: () => timed(() => all.run(inputs)), one: () => timed(() => one.run(inputs)) },
      { rounds },
    )
    const { threads } = all.report.runtime
    await Promise.all([one.dispose(), all.dispose()])
    return { ...ratio(samples, 'all', 'one'), threads, isIsolated: globalThis.crossOriginIsolated }
  },
  /** Load and 50 runs of about 200 ms; beside it, what an idle page has in the same time. */
  async gap(url) {
    const side = await sideOf(url)
    let runMs
    const start = performance.now()
    const value = await longestGap(async () => {
      const model = await load(url, { threads: 1 })
      const inputs = picture(model.inputs, side)
      const first = performance.now()
      await inTurn(50, () => model.run(inputs))
      runMs = (performance.now() - first) / 50
      await model.dispose()
    })
    const tookMs = performance.now() - start
    const idle = await longestGap(() => new Promise((resolve) => setTimeout(resolve, tookMs)))
    return { value, idle, side, runMs }
  },
  /** Loads a model and keeps it. */
  async load(url) {
    kept = await load(url, { threads: 1 })
  },
  dispose: () => kept.dispose(),
  /** Loads a bundle with the browser's storage of downloads, replays all its goldens, and lets it go. */
  async loadStored(url) {
    const model = await loadModel(url, { backend: onnxWeb({ threads: 1 }), verify: 'full' })
    await model.dispose()
    return model.report.verify.cases.length
  },
}
