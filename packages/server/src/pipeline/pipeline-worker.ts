import { parentPort } from 'node:worker_threads'
import { type Model, TensorferryError } from '@tensorferry/core'
import { toCross } from './crossing.ts'
import { openPipeline } from './open-pipeline.ts'
import type { PipelineAnswer, PipelineJob, PipelineMessage, PipelineResults } from './pipeline-jobs.ts'

type Halves = Pick<Model, 'preprocess' | 'postprocess'>

const port = parentPort!
const models = new Map<number, Promise<Halves>>()

function run(model: Halves, job: PipelineJob): Promise<PipelineResults[keyof PipelineResults]> {
  return job.kind === 'preprocess' ? model.preprocess(job.raw) : model.postprocess(job.outputs as never, job.context)
}

function send(answer: PipelineAnswer, transfer: ArrayBuffer[] = []): void {
  port.postMessage(answer, transfer)
}

port.on('message', async (message: PipelineMessage) => {
  if ('forget' in message) {
    models.delete(message.forget)
    return
  }
  try {
    if (message.manifest !== null) models.set(message.model, openPipeline(message.manifest))
    const { value, transfer } = toCross(await run(await models.get(message.model)!, message.job), true)
    send({ result: value }, transfer)
  } catch (error) {
    const typed = TensorferryError.is(error)
      ? error
      : new TensorferryError('RUNTIME_FAILED', `the pipeline failed: ${(error as Error).message}`)
    send({ error: typed.toJSON() })
  }
})
