import { fileURLToPath } from 'node:url'
import { onnxNode } from '@tensorferry/backend-onnx-node'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { resolveOptions } from '../src/check-options.ts'
import { LoadedModels } from '../src/models/model-repository.ts'
import { Metrics } from '../src/observe/metrics.ts'
import type { ServerEvent, ServerOptions } from '../src/options.ts'
import { PipelinePool } from '../src/pipeline/pipeline-pool.ts'

/** A trained bundle of the repository. */
export const bundlePath = (name: 'digits' | 'super-resolution-x3'): string =>
  fileURLToPath(new URL(`../../../examples/bundles/${name}`, import.meta.url))

/** Loads models as a server does, on onnx-node unless told otherwise, until the test ends. */
export async function loadModels(options: ServerOptions) {
  const { models, watchMs } = resolveOptions({ backend: onnxNode({ threads: 1 }), ...options })
  const events: ServerEvent[] = []
  const metrics: Metrics = new Metrics(
    () => repository.measured(),
    () => repository.index(),
  )
  const repository: LoadedModels = new LoadedModels({
    models,
    watchMs,
    metrics,
    // Tested as built, in test/pipeline: a worker is a file of its own.
    pipelines: new PipelinePool(0),
    logger: pino({ enabled: false }),
    emit: (event) => void events.push(event),
    onChange: () => undefined,
  })
  onTestFinished(() => repository.close())
  await repository.find()
  await repository.loadAll()
  return { repository, metrics, events }
}
