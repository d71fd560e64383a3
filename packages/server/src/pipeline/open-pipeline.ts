import { type Backend, loadModel, type Model, TensorferryError } from '@tensorferry/core'

/** Runs nothing: a worker has the steps around the network alone. */
const STEPS_ALONE: Backend = {
  apiVersion: 1,
  name: 'steps-alone',
  formats: [],
  probe: async () => ({ available: true }),
  createSession: async ({ signature }) => ({
    inputs: signature?.inputs ?? [],
    outputs: signature?.outputs ?? [],
    runtime: { name: 'steps-alone', version: '1', device: 'cpu', provider: null, threads: null },
    run: async () => {
      throw new TensorferryError('BACKEND_UNAVAILABLE', 'the network of this model runs in another thread')
    },
    dispose: async () => undefined,
  }),
}

/**
 * A bundle's two halves without its network: core's own, so that they give the same bits.
 *
 * @param manifest - text of its `bundle.json`
 */
export function openPipeline(manifest: string): Promise<Pick<Model, 'preprocess' | 'postprocess'>> {
  const files = new Map([['bundle.json', new TextEncoder().encode(manifest)]])
  return loadModel(files, { backend: STEPS_ALONE, verify: 'off' })
}
