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

/** Largest time in milliseconds in which the page could not do anything else, while work goes on. */
async function longestGap(work) {
  let longest = 0
  let last = performance.now()
  let isOver = false
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) port2.postMessage(null)
  }
  port2.postMessage(null)
  await work()
  isOver = true
  return longest
}

/** A gray picture of that many pixels a side. */
const picture = ([{ name }], side) => ({
  [name]: tensor('float32', new Float32Array(side * side).fill(0.5), [1, 1, side, side]),
})

async function memory() {
  const { bytes } = await performance.measureUserAgentSpecificMemory()
  return bytes / 1e6
}

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
    return { ...ratio(samples, 'all', 'one'), threads }
  },
  /** Load and 50 runs of about 200 ms. */
  async gap(url) {
    let runMs
    const value = await longestGap(async () => {
      const model = await load(url, { threads: 1 })
      const inputs = picture(model.inputs, 320)
      const start = performance.now()
      for (let run = 0; run < 50; run++) await model.run(inputs)
      runMs = (performance.now() - start) / 50
      await model.dispose()
    })
    return { value, runMs }
  },
  /** Megabytes of the page and its workers, before, with the model, and after it. */
  async heap(url) {
    // What the first model leaves for good, such as code, is taken for granted.
    await (await load('/small.onnx', { threads: 1 })).dispose()
    const before = await memory()
    const model = await load(url, { threads: 1 })
    await model.run({ index: tensor('int64', [1n]) })
    const during = await memory()
    await model.dispose()
    const after = await memory()
    return { before, during, after, value: after - before }
  },
}
