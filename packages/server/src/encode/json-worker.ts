import { parentPort } from 'node:worker_threads'
import { TensorferryError } from '@tensorferry/core'
import { toCross } from '../pipeline/crossing.ts'
import type { EncodedReply } from '../protocol/infer-reply.ts'
import type { InferRequest } from '../protocol/infer-request.ts'
import type { RawRequest } from '../protocol/raw-request.ts'
import { buffersOf, type JsonAnswer, type JsonJob, ownBytes, runJsonJob } from './json-jobs.ts'

const port = parentPort!

function answer(job: JsonJob): { readonly message: JsonAnswer; readonly transfer: ArrayBuffer[] } {
  try {
    const result = runJsonJob(job)
    if (job.kind === 'read') {
      return { message: { result }, transfer: buffersOf(Object.values((result as InferRequest).inputs)) }
    }
    if (job.kind === 'raw') {
      const { value, transfer } = toCross(result as RawRequest, true)
      return { message: { result: value }, transfer }
    }
    const { body, headerBytes } = result as EncodedReply
    const own = ownBytes(body)
    return { message: { result: { body: own, headerBytes } }, transfer: [own.buffer] }
  } catch (error) {
    const typed = TensorferryError.is(error)
      ? error
      : new TensorferryError('RUNTIME_FAILED', `JSON worker: ${(error as Error).message}`)
    return { message: { error: typed.toJSON() }, transfer: [] }
  }
}

port.on('message', (job: JsonJob) => {
  const { message, transfer } = answer(job)
  port.postMessage(message, transfer)
})
