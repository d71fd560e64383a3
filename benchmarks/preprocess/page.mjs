// The pipeline in a page; what it measures is asked for by chromium-side.mjs.
import { createStepContext, planPreprocess } from '@tensorferry/core'
import { stepsFor } from './steps.mjs'

let once

globalThis.side = {
  /** sha256 of the tensor, in hex. */
  async start(asked) {
    const { mode, width, height } = asked
    const image = { mode, width, height, data: new Uint8Array(await (await fetch('/pixels')).arrayBuffer()) }
    const plan = planPreprocess(stepsFor(asked))
    once = () => plan.run(image, createStepContext({}))
    const { data } = await once()
    const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', data))
    return Array.from(sum, (byte) => byte.toString(16).padStart(2, '0')).join('')
  },
  /** Milliseconds of so many runs. */
  async run(calls) {
    const samples = []
    for (let call = 0; call < calls; call++) {
      const start = performance.now()
      await once()
      samples.push(performance.now() - start)
    }
    return samples
  },
}
